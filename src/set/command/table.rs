//! The commands, each once: how it is written, an example, and what a button that sends 1 and 0 means to it.
//!
//! Whoever has to know all of them matches on [`Verb`], so that one that is forgotten anywhere does not compile.

/// What a number behind the words of a command says that comes from a button: 1 when it goes down, 0 when it comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// On or off.
    Switch,
    /// Whether it is done.
    Press,
    /// A part of the command.
    Value,
}

macro_rules! verbs {
    ($($verb:ident $name:literal $example:literal $button:ident,)*) => {
        /// The first word of a command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Verb {
            $(#[doc = concat!("`", $example, "`")] $verb,)*
        }

        impl Verb {
            /// All of them.
            pub const ALL: &[Verb] = &[$(Verb::$verb,)*];

            /// As it is written.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Verb::$verb => $name,)* }
            }

            /// A whole command.
            #[must_use]
            pub const fn example(self) -> &'static str {
                match self { $(Verb::$verb => $example,)* }
            }

            /// What a button means to it.
            #[must_use]
            pub const fn button(self) -> Button {
                match self { $(Verb::$verb => Button::$button,)* }
            }
        }
    };
}

verbs! {
    Start "start" "start" Press,
    Stop "stop" "stop" Press,
    Continue "continue" "continue" Press,
    Launch "launch" "launch main at bar" Press,
    Withdraw "withdraw" "withdraw" Press,
    Jump "jump" "jump 2" Press,
    Hold "hold" "hold on" Switch,
    Mute "mute" "mute drums" Switch,
    Solo "solo" "solo drums on" Switch,
    Fill "fill" "fill off" Switch,
    Transpose "transpose" "transpose +2" Value,
    Control "cc" "cc bass 74 64" Value,
    Tempo "tempo" "tempo +0.5" Value,
    Tap "tap" "tap" Press,
    Panic "panic" "panic" Press,
}

impl Verb {
    /// The one that is written `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<Verb> {
        Verb::ALL.iter().copied().find(|verb| verb.name() == name)
    }

    /// What it needs before a button's number can say anything: `mute 1` names a track.
    #[must_use]
    pub const fn names_something(self) -> bool {
        match self {
            Verb::Launch | Verb::Jump | Verb::Mute | Verb::Solo => true,
            Verb::Start | Verb::Stop | Verb::Continue | Verb::Withdraw | Verb::Hold | Verb::Fill => false,
            Verb::Transpose | Verb::Control | Verb::Tempo | Verb::Tap | Verb::Panic => false,
        }
    }
}

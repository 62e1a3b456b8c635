//! The commands, a row each: word, grammar, examples, what a button's 1 and 0 mean to it, and which numbers it takes.
//!
//! The table is the only place that knows all commands as words. The reader, the writer of the log, OSC, the schema and the
//! help take them from here, or match on [`Verb`] without a default, so that a command that is forgotten somewhere does not
//! compile.

use crate::engine::Command;

/// The meaning of a number after the words of a command that comes from a button: 1 when it goes down, 0 when it comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// On or off.
    Switch,
    /// Whether it is done.
    Press,
    /// A part of the command.
    Value,
}

/// The numbers that a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Whole ones: of one with a fraction, as surfaces send them, the nearest whole one counts.
    Whole,
    /// As they are.
    Any,
}

macro_rules! verbs {
    ($verb0:ident $name0:literal $form0:literal [$($example0:literal),*] $button0:ident $numbers0:ident,
     $($verb:ident $name:literal $form:literal [$($example:literal),*] $button:ident $numbers:ident,)*) => {
        verbs! { @enum
            $verb0 $name0 $form0 [$($example0),*] $button0 $numbers0,
            $($verb $name $form [$($example),*] $button $numbers,)*
        }

        /// The grammar of all commands in one line, as a literal.
        macro_rules! forms_of_commands {
            () => { concat!("`", $form0, "`", $(", `", $form, "`",)*) };
        }
        pub(in crate::set) use forms_of_commands;
    };
    (@enum $($verb:ident $name:literal $form:literal [$($example:literal),*] $button:ident $numbers:ident,)*) => {
        /// The first word of a command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Verb {
            $(#[doc = concat!("`", $form, "`")] $verb,)*
        }

        impl Verb {
            /// All of them.
            pub const ALL: &[Verb] = &[$(Verb::$verb,)*];

            /// The word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Verb::$verb => $name,)* }
            }

            /// The grammar, with what may be left out in square brackets.
            #[must_use]
            pub const fn form(self) -> &'static str {
                match self { $(Verb::$verb => $form,)* }
            }

            /// Whole commands; the first one is shown in messages.
            #[must_use]
            pub const fn examples(self) -> &'static [&'static str] {
                match self { $(Verb::$verb => &[$($example),*],)* }
            }

            /// Returns what a button means to it.
            #[must_use]
            pub const fn button(self) -> Button {
                match self { $(Verb::$verb => Button::$button,)* }
            }

            /// The numbers that it takes.
            #[must_use]
            pub const fn numbers(self) -> Numbers {
                match self { $(Verb::$verb => Numbers::$numbers,)* }
            }
        }
    };
}

verbs! {
    Start "start" "start" ["start"] Press Any,
    Stop "stop" "stop" ["stop"] Press Any,
    Continue "continue" "continue" ["continue"] Press Any,
    Launch "launch" "launch PATTERN [at now|beat|bar|2 bars|end]" ["launch main at bar", "launch main"] Press Any,
    CancelLaunch "withdraw" "withdraw" ["withdraw"] Press Any,
    Jump "jump" "jump PART" ["jump 2", "jump main"] Press Any,
    Hold "hold" "hold [on|off|toggle]" ["hold on", "hold"] Switch Any,
    Mute "mute" "mute TRACK [on|off|toggle]" ["mute drums", "mute drums off"] Switch Any,
    Solo "solo" "solo TRACK [on|off|toggle]" ["solo drums on", "solo drums"] Switch Any,
    Fill "fill" "fill [on|off|toggle]" ["fill off", "fill"] Switch Any,
    Transpose "transpose" "transpose [TRACK] +2 [degrees]" ["transpose +2", "transpose bass -1 degrees"] Value Whole,
    Control "cc" "cc TRACK 74 64" ["cc bass 74 64", "cc bass bend 0"] Value Whole,
    Tempo "tempo" "tempo 128|+0.5" ["tempo +0.5", "tempo 128"] Value Any,
    Tap "tap" "tap" ["tap"] Press Any,
    Panic "panic" "panic" ["panic"] Press Any,
}

impl Verb {
    /// The one that is written `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<Verb> {
        Verb::ALL.iter().copied().find(|verb| verb.name() == name)
    }

    /// The word that asks for `command`; `None` for what only the program itself asks of the engine.
    #[must_use]
    pub const fn of(command: Command) -> Option<Verb> {
        Some(match command {
            Command::Start => Verb::Start,
            Command::Stop => Verb::Stop,
            Command::Continue => Verb::Continue,
            Command::Launch { .. } => Verb::Launch,
            Command::CancelLaunch => Verb::CancelLaunch,
            Command::Jump(_) => Verb::Jump,
            Command::Hold(_) => Verb::Hold,
            Command::Mute(..) => Verb::Mute,
            Command::Solo(..) => Verb::Solo,
            Command::Fill(_) => Verb::Fill,
            Command::Transpose { .. } => Verb::Transpose,
            Command::Control { .. } => Verb::Control,
            Command::Tempo(_) | Command::TempoStep(_) => Verb::Tempo,
            Command::Tap => Verb::Tap,
            Command::Panic => Verb::Panic,
            Command::SilencePort(_) | Command::ReleaseInput(_) | Command::Pace(_) | Command::Session(_) => return None,
            Command::EndAfter(_) | Command::End => return None,
        })
    }

    /// A whole command, for messages.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self.examples() {
            [first, ..] => first,
            [] => self.name(),
        }
    }

    /// Returns what it needs before a button's number can say anything: `mute 1` names a track.
    #[must_use]
    pub const fn names_something(self) -> bool {
        match self {
            Verb::Launch | Verb::Jump | Verb::Mute | Verb::Solo => true,
            Verb::Start | Verb::Stop | Verb::Continue | Verb::CancelLaunch | Verb::Hold | Verb::Fill => false,
            Verb::Transpose | Verb::Control | Verb::Tempo | Verb::Tap | Verb::Panic => false,
        }
    }

    /// Returns whether it changes the tempo, which nobody can where a clock is followed.
    #[must_use]
    pub const fn sets_the_tempo(self) -> bool {
        match self {
            Verb::Tempo | Verb::Tap => true,
            Verb::Start | Verb::Stop | Verb::Continue | Verb::Launch | Verb::CancelLaunch | Verb::Jump => false,
            Verb::Hold | Verb::Mute | Verb::Solo | Verb::Fill | Verb::Transpose | Verb::Control | Verb::Panic => false,
        }
    }
}

/// The first words of all commands.
pub fn words() -> impl Iterator<Item = &'static str> {
    Verb::ALL.iter().map(|verb| verb.name())
}

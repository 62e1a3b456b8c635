//! What a performer is told about broken set files: a snapshot for each part of the file, with all that can go wrong in it.
//!
//! The snapshots are to be read by eye when they change. The marked place has to be the one that is wrong, the words have to
//! say what would be right without knowing anything of TOML or of this program, and where a name is nearly right, the
//! right one has to be suggested. `INSTA_UPDATE=always cargo test --test set set_mistakes` writes them anew.

use tightrope::set::Set;

/// Two instruments and three tracks, to be followed by a pattern.
const RIG: &str = r#"
[ports.circuit]
device = "Circuit"
[ports.mono]
device = "Circuit Mono Station"
[tracks.drums]
port = "circuit"
channel = 10
kit = { k = 60, s = 62, h = 64, o = 65 }
[tracks.bass]
port = "mono"
channel = 1
[tracks.click]
port = "mono"
channel = 2
note = "c4"
[patterns.main]
"#;

/// Checks what is shown for sets that each have a mistake, under a line that says what it is.
fn check(name: &str, sets: &[(&str, Vec<u8>)]) {
    let mut shown = String::new();
    for (title, set) in sets {
        match Set::parse("show.toml", set) {
            Ok(set) => panic!("{title}: there is no mistake: {set:?}"),
            Err(mistakes) => shown.push_str(&format!("## {title}\n\n{}\n\n\n", mistakes.render(false))),
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

/// A whole set.
fn set(text: impl AsRef<[u8]>) -> Vec<u8> {
    text.as_ref().to_vec()
}

/// A set that is right but for what stands in its pattern.
fn pattern(text: impl AsRef<str>) -> Vec<u8> {
    format!("{RIG}{}", text.as_ref()).into_bytes()
}

/// A set that is right but for the list of clocks that it follows.
fn clocks(list: &str) -> Vec<u8> {
    let mut text = format!("[clock]\nfollow = {list}\n");
    for port in ["a", "b", "circuit", "mono", "keys"] {
        text.push_str(&format!("[ports.{port}]\ndevice = \"{port}\"\n"));
    }
    text.push_str("[ports.slave]\ndevice = \"slave\"\nclock = true\n[patterns.main]\n");
    text.into_bytes()
}

#[test]
fn the_file_as_a_whole() {
    check(
        "the_file_as_a_whole",
        &[
            ("file empty", set("")),
            ("file too long", set(vec![b' '; Set::MAX_BYTES + 1])),
            ("file not utf8", set(b"name = \"Nacht\"\ntempo = 12\xFF5\n")),
            ("file utf16", set(b"\xFF\xFEn\0a\0m\0e\0")),
            ("file binary", set(b"MThd\0\0\0\x06\0\x01\0\x02\x01\xE0MTrk\0\0\0\x13")),
            ("file without patterns", set("tempo = 125\n[clock]\n")),
            ("file deep", set(format!("a = {}", "[".repeat(1_000)))),
            ("file deep key", set(format!("{}a = 1", "a.".repeat(1_000)))),
        ],
    );
}

#[test]
fn the_writing() {
    check(
        "the_writing",
        &[
            ("text open", set("[ports.circuit]\ndevice = \"Circuit\noptional = true\n")),
            ("text open long", set("[patterns.main]\ndrums = \"\"\"\n  k... k...\n  .... s...\n\n[patterns.next]\n")),
            (
                "text open long before another",
                set("[patterns.main]\ndrums = \"\"\"\n  k...\n[patterns.next]\ndrums = \"\"\"\n  k...\n\"\"\"\n"),
            ),
            ("text over lines", set("[patterns.main]\ndrums = \"\n  k... k...\n\"\n")),
            ("text unquoted", set("[ports.circuit]\ndevice = Circuit\n")),
            ("text unquoted steps", set("[patterns.main]\ndrums = k... k...\n")),
            ("text curly quotes", set("[ports.circuit]\ndevice = “Circuit”\n")),
            ("text control", set("name = \"a\u{1}b\"\n")),
            ("text escape", set("name = \"a\\qb\"\n")),
            ("number with unit", set("tempo = 125 bpm\n")),
            ("number zero first", set("tempo = 0125\n")),
            ("number bare dot", set("tempo = 125.\n")),
            ("flag upper", set("[ports.a]\ndevice = \"a\"\nclock = True\n")),
            ("flag yes", set("[ports.a]\ndevice = \"a\"\nclock = yes\n")),
            ("line colon", set("tempo: 125\n")),
            ("line without equals", set("tempo 125\n")),
            ("line without value", set("tempo =\nmeter = \"4/4\"\n")),
            ("line with two", set("tempo = 125, meter = \"4/4\"\n")),
            ("line prose", set("this is my set\n")),
            ("comment slashes", set("// my set\ntempo = 125\n")),
            ("heading open", set("[tracks.bass\nport = \"mono\"\n")),
            ("heading empty", set("[tracks.]\n")),
            (
                "list open",
                set("[patterns.main]\narp = { arp = \"c2\", lengths = [\"1/16\", \"1/8\" }\n[patterns.next]\n"),
            ),
            ("table open", set("[tracks.drums]\nport = \"circuit\"\nkit = { k = 60, s = 62\nchannel = 10\n")),
            ("table without comma", set("[tracks.drums]\nkit = { k = 60 s = 62 }\n")),
            ("key twice", set("tempo = 120\nmeter = \"4/4\"\ntempo = 125\n[patterns.main]\n")),
            ("table twice", set("[patterns.main]\nbars = 1\n[patterns.main]\nbars = 2\n")),
        ],
    );
}

#[test]
fn the_top_of_the_file() {
    check(
        "the_top_of_the_file",
        &[
            ("unknown key", set("tmepo = 125\n[patterns.main]\n")),
            ("unknown key far", set("colour = \"red\"\n[patterns.main]\n")),
            (
                "key under the wrong heading",
                set("[clock]\nfollow = \"a\"\ntempo = 125\n[ports.a]\ndevice = \"A\"\n[patterns.main]\n"),
            ),
            ("key of another table", set("channel = 3\n[patterns.main]\n")),
            ("launch unknown", set("launch = \"baar\"\n[patterns.main]\n")),
            ("launch for nothing", set("launch = \"0 bars\"\n[patterns.main]\n")),
            ("launch number", set("launch = 4\n[patterns.main]\n")),
            (
                "transpose by something",
                set("transpose = \"a by degress\"\n[ports.a]\ndevice = \"A\"\n[patterns.main]\n"),
            ),
            ("transpose by nobody", set("transpose = \"keys\"\n[ports.key]\ndevice = \"A\"\n[patterns.main]\n")),
            (
                "transpose twice from",
                set("transpose = \"a from c2 from c3\"\n[ports.a]\ndevice = \"A\"\n[patterns.main]\n"),
            ),
            ("tempo too fast", set("tempo = 1250\n[patterns.main]\n")),
            ("tempo text", set("tempo = \"125\"\n[patterns.main]\n")),
            ("tempo not a number", set("tempo = nan\n[patterns.main]\n")),
            ("meter odd", set("meter = \"4/5\"\n[patterns.main]\n")),
            ("meter number", set("meter = 4\n[patterns.main]\n")),
            ("seed negative", set("seed = -1\n[patterns.main]\n")),
            ("octaves unknown", set("octaves = \"C3\"\n[patterns.main]\n")),
            ("name empty", set("name = \"\"\n[patterns.main]\n")),
        ],
    );
}

#[test]
fn ports_and_the_clock() {
    check(
        "ports_and_the_clock",
        &[
            (
                "follow unknown",
                set("[clock]\nfollow = \"circut\"\n[ports.circuit]\ndevice = \"Circuit\"\n[patterns.main]\n"),
            ),
            ("follow number", set("[clock]\nfollow = 1\n[patterns.main]\n")),
            ("follow list empty", set("[clock]\nfollow = []\n[patterns.main]\n")),
            ("follow list of no names", clocks("[\"circuit\", 2]")),
            ("follow list unknown", clocks("[\"circuit\", \"mno\"]")),
            ("follow list twice", clocks("[\"circuit\", \"mono\", \"circuit\"]")),
            ("follow list too long", clocks("[\"a\", \"b\", \"circuit\", \"mono\", \"keys\"]")),
            ("follow list and clock", clocks("[\"circuit\", \"slave\"]")),
            ("follow without ports", set("[clock]\nfollow = \"circuit\"\n[patterns.main]\n")),
            (
                "clock fed back",
                set(
                    "[clock]\nfollow = \"circuit\"\n[ports.circuit]\ndevice = \"Circuit\"\nclock = true\n[patterns.main]\n",
                ),
            ),
            ("port without device", set("[ports.circuit]\noptional = true\n[patterns.main]\n")),
            ("port wire", set("[ports.circuit]\ndevice = \"Circuit\"\nwire = \"DIN\"\n[patterns.main]\n")),
            ("port wire flag", set("[ports.circuit]\ndevice = \"Circuit\"\nwire = true\n[patterns.main]\n")),
            ("port unknown key", set("[ports.circuit]\ndevice = \"Circuit\"\ncable = \"din\"\n[patterns.main]\n")),
            ("lost unknown", set("[clock]\nlost = \"hold four bars\"\n[patterns.main]\n")),
            ("lost for nothing", set("[clock]\nlost = \"hold 0 bars\"\n[patterns.main]\n")),
            ("join unknown", set("[clock]\njoin = \"nwo\"\n[patterns.main]\n")),
            ("clock rough", set("[ports.a]\ndevice = \"a\"\nclock = \"rwa\"\n[patterns.main]\n")),
            ("offset too far", set("[ports.a]\ndevice = \"a\"\noffset = \"51 ms\"\n[patterns.main]\n")),
            ("offset without unit", set("[ports.a]\ndevice = \"a\"\noffset = -1.5\n[patterns.main]\n")),
            ("port text", set("[ports]\ncircuit = \"Circuit\"\n[patterns.main]\n")),
            ("port name", set("[ports.\"my synth\"]\ndevice = \"Circuit\"\n[patterns.main]\n")),
            ("ports list", set("[[ports]]\nname = \"circuit\"\n[patterns.main]\n")),
            (
                "ports too many",
                set((0..17).map(|i| format!("[ports.p{i}]\ndevice = \"d\"\n")).collect::<String>()
                    + "[patterns.main]\n"),
            ),
        ],
    );
}

#[test]
fn tracks() {
    check(
        "tracks",
        &[
            ("track without all", set("[tracks.bass]\n[patterns.main]\n")),
            (
                "track port unknown",
                set(
                    "[ports.mono]\ndevice = \"Mono\"\n[ports.circuit]\ndevice = \"Circuit\"\n[tracks.bass]\nport = \"synth\"\nchannel = 1\n[patterns.main]\n",
                ),
            ),
            (
                "track channel",
                set("[ports.a]\ndevice = \"A\"\n[tracks.bass]\nport = \"a\"\nchannel = 0\n[patterns.main]\n"),
            ),
            (
                "track channel text",
                set("[ports.a]\ndevice = \"A\"\n[tracks.bass]\nport = \"a\"\nchanel = \"10\"\n[patterns.main]\n"),
            ),
            (
                "track values",
                set(
                    "[ports.a]\ndevice = \"A\"\n[tracks.bass]\nport = \"a\"\nchannel = 10.0\nvelocity = 128\ngate = 0\nnote = \"c\"\n[patterns.main]\n",
                ),
            ),
            (
                "track reserved",
                set("[ports.a]\ndevice = \"A\"\n[tracks.bars]\nport = \"a\"\nchannel = 1\n[patterns.main]\n"),
            ),
            (
                "kit mistakes",
                set(
                    "[ports.a]\ndevice = \"A\"\n[tracks.drums]\nport = \"a\"\nchannel = 10\nkit = { K = 60, x = 61, sn = 62, h = 128, o = \"h2\" }\n[patterns.main]\n",
                ),
            ),
            (
                "kit text",
                set(
                    "[ports.a]\ndevice = \"A\"\n[tracks.drums]\nport = \"a\"\nchannel = 10\nkit = \"808\"\n[patterns.main]\ndrums = \"k\"\n",
                ),
            ),
            (
                "thru mistakes",
                set(
                    "[ports.a]\ndevice = \"A\"\n[tracks.b]\nport = \"a\"\nchannel = 1\nthru = \"keys\"\n[tracks.c]\nport = \"a\"\nchannel = 1\nthru = \"a octav 1\"\n[tracks.d]\nport = \"a\"\nchannel = 1\nthru = \"a octave 11 by degrees\"\n[tracks.e]\nport = \"a\"\nchannel = 1\nthru = \"a channel\"\n[patterns.main]\n",
                ),
            ),
            (
                "thru too many",
                set((0..17).fold("[ports.a]\ndevice = \"A\"\n".to_owned(), |text, track| {
                    format!("{text}[tracks.t{track}]\nport = \"a\"\nchannel = 1\nthru = \"a\"\n")
                }) + "[patterns.main]\n"),
            ),
            (
                "transpose mistakes",
                set(
                    "[ports.a]\ndevice = \"A\"\n[tracks.b]\nport = \"a\"\nchannel = 1\ntranspose = \"keys\"\n[tracks.c]\nport = \"a\"\nchannel = 1\ntranspose = \"a chanel 3\"\n[tracks.d]\nport = \"a\"\nchannel = 1\ntranspose = \"a channel 17 from z2\"\n[tracks.e]\nport = \"a\"\nchannel = 1\ntranspose = \"a from\"\n[patterns.main]\n",
                ),
            ),
        ],
    );
}

#[test]
fn lanes() {
    check(
        "lanes",
        &[
            ("pattern track unknown", pattern("drms = \"k\"\n")),
            ("pattern track far", pattern("piano = \"c2\"\n")),
            ("pattern track near a key", pattern("barss = \"c2\"\n")),
            ("pattern bars", pattern("bars = 0\n")),
            ("pattern bars too many", pattern("bars = 100000\n")),
            ("pattern bars misspelled", pattern("bar = 2\n")),
            ("pattern keep", pattern("keep = \"yes\"\n")),
            ("pattern keep misspelled", pattern("kep = true\n")),
            ("pattern launch", pattern("launch = \"edn\"\n")),
            ("pattern launch length", pattern("launch = \"1/7\"\n")),
            ("lane number", pattern("bass = 5\n")),
            ("lane empty", pattern("bass = \"\"\ndrums = \"\"\"\n\n\"\"\"\n")),
            ("lane without anything", pattern("bass = { step = \"1/8\" }\n")),
            ("lane with both", pattern("bass = { steps = \"c2\", arp = \"c2\" }\n")),
            ("lane unknown key", pattern("bass = { steps = \"c2\", swnig = 58, stp = \"1/8\" }\n")),
            ("lane swing", pattern("bass = { steps = \"c2\", swing = 80 }\n")),
            ("lane octave", pattern("bass = { steps = \"c2\", octave = 11 }\n")),
            ("lane octave off the keyboard", pattern("bass = { steps = \"c2 c6\", octave = 4 }\n")),
            ("lane octave of a kit", pattern("drums = { steps = \"k...\", octave = 1 }\n")),
            ("lane seed", pattern("bass = { steps = \"c2\", seed = -1 }\n")),
            ("lane step in bars", pattern("bass = { steps = \"c2\", step = \"two bars\" }\n")),
            ("lane step too many bars", pattern("bass = { steps = \"c2\", step = \"3001 bars\" }\n")),
            ("lane held and written", pattern("bass = { held = \"mono\", arp = \"c2\" }\n")),
            ("lane step", pattern("bass = { steps = \"c2\", step = \"16\" }\n")),
            ("lane step between ticks", pattern("bass = { steps = \"c2\", step = \"1/7\" }\n")),
            ("lane gate", pattern("bass = { steps = \"c2\", gate = 500 }\n")),
        ],
    );
}

#[test]
fn steps() {
    check(
        "steps",
        &[
            ("steps unknown drum", pattern("drums = \"\"\"\n  k... k...\n  .... c...\n\"\"\"\n")),
            ("steps unknown drum often", pattern("drums = \"j... j... J...\"\n")),
            ("steps note on a kit", pattern("drums = \"k... c2...\"\n")),
            ("steps letter without a kit", pattern("bass = \"k... k...\"\n")),
            ("steps without octave", pattern("bass = \"c2 . g . f# .\"\n")),
            ("steps german h", pattern("bass = \"c2 h1\"\n")),
            ("steps upper case", pattern("bass = \"C2 . G1\"\n")),
            ("steps off the keyboard", pattern("bass = \"g8 ab8 c12\"\n")),
            ("steps hold first", pattern("drums = \"_k__ ._..\"\n")),
            ("steps x without note", pattern("bass = \"x... x...\"\n")),
            ("steps velocity", pattern("click = \"x:0 x:128 x: x:70\"\n")),
            ("steps gate", pattern("click = \"x=0 x=401 x= x=50\"\n")),
            ("steps twice", pattern("click = \"x:1:2 X! x~~\"\n")),
            ("steps legato with gate", pattern("click = \"x=50~ x~=50\"\n")),
            ("steps modified rest", pattern("click = \".! x_:70\"\n")),
            ("steps modifier first", pattern("click = \":70 x\"\n")),
            ("steps dashes", pattern("drums = \"k--- k–––\"\n")),
            ("steps comment", pattern("drums = \"k... # kick\"\n")),
            ("steps sharp sign", pattern("bass = \"f♯2\"\n")),
            ("steps after a wide letter", pattern("bass = \"c2 é d2 漢 ;\"\n")),
            ("steps with escapes", pattern("drums = \"k...\\tj...\"\n")),
            ("steps windows", pattern("drums = \"\"\"\r\n  k...\r\n  j...\r\n\"\"\"\r\n")),
            ("steps in literal", pattern("drums = '''\n  k...\n  j...'''\n")),
            (
                "steps long line",
                pattern(format!("drums = \"{}j{}\"\n", "k... ".repeat(20_000), "s... ".repeat(20_000))),
            ),
            (
                "steps too many notes",
                pattern(format!("click = {{ step = \"1/3840\", steps = \"{}\" }}\n", "x".repeat(70_000))),
            ),
            ("steps too long", pattern(format!("click = {{ step = \"1000/1\", steps = \"{}\" }}\n", "x...".repeat(2)))),
            ("steps gate too long", pattern("click = { step = \"1000/1\", steps = \"x=400\" }\n")),
            ("lanes too many", pattern(format!("drums = \"\"\"\n{}\"\"\"\n", "k...\n".repeat(513)))),
        ],
    );
}

/// A set with a scale that is right but for the steps of its bass.
fn degrees(scale: &str, steps: &str) -> Vec<u8> {
    format!("scale = \"{scale}\"\n{RIG}bass = \"{steps}\"\n").into_bytes()
}

#[test]
fn degrees_and_scales() {
    check(
        "degrees_and_scales",
        &[
            ("degree without a scale", pattern("bass = \"1 . 3 .\"\n")),
            ("number without a scale", pattern("bass = \"c2 70\"\n")),
            ("degree on a kit", pattern("drums = \"k 3 s\"\n")),
            ("degree too high", degrees("c minor", "1 3 8")),
            ("degree too high for five", degrees("c pentatonic minor", "1 6")),
            ("degree zero", degrees("c minor", "10 1")),
            ("degree off the keyboard", degrees("c minor", "1 1,,,,,, 1")),
            ("scale unknown", degrees("c minr", "1")),
            ("scale unknown far", degrees("c happy", "1")),
            ("scale without tonic", degrees("minor", "1")),
            ("scale without name", degrees("c", "1")),
            ("scale upper case", degrees("C minor", "1")),
            ("scale german", degrees("cis major", "1")),
            ("scale off the keyboard", degrees("c12 major", "1")),
            ("scale number", set("scale = 7\n[patterns.main]\n")),
        ],
    );
}

#[test]
fn chords() {
    check(
        "chords",
        &[
            ("chord empty", pattern("bass = \"[] c2\"\n")),
            ("chord open", pattern("bass = \"[c2 e2 g2\"\n")),
            ("chord open in a group", pattern("bass = \"3([c2 e2) c2\"\n")),
            ("chord closed twice", pattern("bass = \"[c2 e2]] c2\"\n")),
            ("chord unknown quality", pattern("bass = \"[c2mj7] [c2foo]\"\n")),
            ("chord octave of two digits", pattern("bass = \"[c10]\"\n")),
            ("chord off the keyboard", pattern("bass = \"[g8m7]\"\n")),
            ("chord with a modifier inside", pattern("bass = \"[c2:70 e2:80]\"\n")),
            ("chord with a rest inside", pattern("bass = \"[c2 . e2]\"\n")),
            ("chord with a choice inside", pattern("bass = \"[c2 <e2 eb2>]\"\n")),
            ("chord in a chord", pattern("bass = \"[c2 [e2 g2]]\"\n")),
            ("chord with commas", pattern("bass = \"[c2, e2, g2]\"\n")),
            ("chord with a wrong note", pattern("bass = \"[c2 h2 g2] [c2 e g2]\"\n")),
            ("chord by name on a kit", pattern("drums = \"[c2m7]\"\n")),
            ("chord with an unknown drum", pattern("drums = \"[k j]\"\n")),
            ("chord too large", pattern("bass = \"[c1 c#1 d1 eb1 e1 f1 f#1 g1 ab1 a1 bb1 b1 c2 c#2 d2 eb2 e2]\"\n")),
        ],
    );
}

#[test]
fn choices() {
    check(
        "choices",
        &[
            ("choice empty", pattern("bass = \"<> c2\"\n")),
            ("choice open", pattern("bass = \"<c2 g2 c2\"\n")),
            ("choice open in a group", pattern("bass = \"3(c2 <e2 g2) c2>\"\n")),
            ("choice of a hold", pattern("bass = \"<c2 _>\"\n")),
            ("choice of a group", pattern("bass = \"<c2 2(e2)>\"\n")),
            ("choice of a rhythm", pattern("click = \"<x e(3,8)>\"\n")),
            ("choice with something early", pattern("bass = \"<c2<20 g2>\"\n")),
            ("choice with something late", pattern("bass = \"<c2>20 g2>\"\n")),
            ("choice at random twice", pattern("bass = \"<c2 g2>? ?\"\n")),
            ("choice too deep", pattern("bass = \"<<<<<<<<<c2>>>>>>>>>\"\n")),
            ("early apart from its step", pattern("bass = \"c2 <20 e2\"\n")),
            ("hold behind rests to choose from", pattern("bass = \"<. .> _\"\n")),
        ],
    );
}

#[test]
fn groups_and_rhythms() {
    check(
        "groups_and_rhythms",
        &[
            ("group open", pattern("drums = \"\"\"\n  k... 3(k.\n  s...\n\"\"\"\n")),
            ("groups open", pattern("drums = \"2(k 2(s 2(h\"\n")),
            ("group closed twice", pattern("drums = \"2(k.)) s\"\n")),
            ("group empty", pattern("drums = \"3()\"\n")),
            ("group no times", pattern("drums = \"0(k.)\"\n")),
            ("group too deep", pattern("drums = \"2(2(2(2(2(2(2(2(2(k)))))))))\"\n")),
            ("group too long", pattern("drums = \"9999(9999(k))\"\n")),
            ("group with too many notes", pattern("click = { step = \"1/3840\", steps = \"9(9999(x))\" }\n")),
            (
                "groups too large together",
                pattern(format!(
                    "click = {{ step = \"1/3840\", steps = \"\"\"\n{}\"\"\" }}\n",
                    "6(9999(x))\n".repeat(100)
                )),
            ),
            ("group with a wrong hold", pattern("drums = \"3(k . _)\"\n")),
            ("group begins with a modifier", pattern("drums = \"2(:70 k)\"\n")),
            ("group with a mistake", pattern("drums = \"3(k j)\"\n")),
            ("rhythm of one number", pattern("click = \"e(5)\"\n")),
            ("rhythm of words", pattern("click = \"e(five,8)\"\n")),
            ("rhythm of too many hits", pattern("click = \"e(9,8)\"\n")),
            ("rhythm of no steps", pattern("click = \"e(0,0)\"\n")),
            ("rhythm of too many steps", pattern("click = \"e(3,1000)\"\n")),
            ("rhythm rotated too far", pattern("click = \"e(3,8,9)\"\n")),
            ("rhythm open", pattern("click = \"e(3,8\"\n")),
            ("rhythm without a note", pattern("bass = \"e(3,8)\"\n")),
            ("rhythm of another program", pattern("click = \"x(3,8)\"\n")),
            ("rhythm in upper case", pattern("click = \"E(3,8)\"\n")),
        ],
    );
}

#[test]
fn modifiers() {
    check(
        "modifiers",
        &[
            ("chance", pattern("click = \"x?0 x?101 x?? x?30?\"\n")),
            ("ratchet", pattern("click = \"x*1 x*17 x* x*2*3\"\n")),
            ("number apart", pattern("click = \"x: 70 x\"\n")),
            ("early and late", pattern("click = \"x<0 x>51 x> x<20>20\"\n")),
            ("turns", pattern("click = \"x/5:4 x/0:4 x/1:0 x/1:9999 x/!1:1\"\n")),
            ("turns in part", pattern("click = \"x/4 x/1: x/:4 x/\"\n")),
            ("turns twice", pattern("click = \"x/1:4/2:4 x/fill/!fill x/1st/1st\"\n")),
            ("condition unknown", pattern("click = \"x/fil x/2nd x/first x/!1st\"\n")),
            ("slash between beats", pattern("drums = \"k... / s...\"\n")),
            ("condition on a hold", pattern("click = \"x _/1:4 _?\"\n")),
            ("ratchet on a rest", pattern("click = \"x .*3 .{74=30}:70\"\n")),
            ("values empty", pattern("click = \"x{}\"\n")),
            ("values open", pattern("click = \"x{74=30 x\"\n")),
            ("values closed twice", pattern("click = \"x{74=30}}\"\n")),
            ("values without a number", pattern("click = \"x{74} x{74=} x{=30}\"\n")),
            ("values out of range", pattern("click = \"x{74=128 bend=9000 cc14-1=-1 pressure=loud}\"\n")),
            ("values with commas", pattern("click = \"x{74=30, 71=5}\"\n")),
            ("values of nothing", pattern("click = \"x{cutoff=3 bned=0 128=3 nrpn=5 cc14-32=0 nrpn1234=5}\"\n")),
            ("values twice", pattern("click = \"x{74=3 cc74=4} x{74=3}{71=4}\"\n")),
            ("gate and legato of a chord", pattern("bass = \"[c2 e2]=50~\"\n")),
            ("per cent", pattern("click = \"x%50\"\n")),
        ],
    );
}

#[test]
fn arpeggios() {
    check(
        "arpeggios",
        &[
            ("arp order", pattern("bass = { arp = \"c2 e2\", order = \"upp\" }\n")),
            ("arp pick", pattern("bass = { arp = \"c2 e2\", pick = \"any\" }\n")),
            ("arp lengths", pattern("bass = { arp = \"c2 e2\", lengths = [\"1/16\", 8, \"1/8x\"] }\n")),
            ("arp lengths empty", pattern("bass = { arp = \"c2 e2\", lengths = [] }\n")),
            ("arp lengths text", pattern("bass = { arp = \"c2 e2\", lengths = \"1/16\" }\n")),
            ("arp gate", pattern("bass = { arp = \"c2 e2\", gate = 101 }\n")),
            ("arp not notes", pattern("bass = { arp = \"c2 . e2_ g2! c3:70\" }\n")),
            ("arp with chance", pattern("bass = { arp = \"c2 <d2 e2> e(3,8) f2\" }\n")),
            ("arp with changed groups", pattern("bass = { arp = \"2(c2 d2):70 [c2 e2]!\" }\n")),
            ("arp of degrees without a scale", pattern("bass = { arp = \"1 3 5\" }\n")),
            ("arp empty", pattern("bass = { arp = \" \" }\n")),
            ("arp octave off the keyboard", pattern("bass = { arp = \"c2 g7\", octave = 2 }\n")),
            ("arp held by nobody", pattern("bass = { held = \"kyes\" }\n")),
            ("arp held empty", pattern("bass = { held = \" \" }\n")),
            ("arp held channel", pattern("bass = { held = \"mono channel 17\" }\n")),
            ("arp held clause", pattern("bass = { held = \"mono from c2\" }\n")),
            ("arp too many", pattern(format!("bass = {{ arp = \"{}\" }}\n", "c2 ".repeat(129)))),
        ],
    );
}

#[test]
fn controllers() {
    let cc = |what: &str| pattern(format!("cc = {{ bass.{what} }}\n"));
    check(
        "controllers",
        &[
            ("cc text", pattern("cc = \"20 ~ 110\"\n")),
            ("cc of nobody", pattern("cc = { bas.74 = 5 }\n")),
            ("cc without a controller", pattern("cc = { bass = 74 }\n")),
            ("cc unknown", cc("cutoff = 5")),
            ("cc near", cc("bned = 5")),
            ("cc too high", cc("nrpn-16384 = 5")),
            ("cc twice", pattern("cc = { bass = { 74 = 5, cc74 = 6 } }\n")),
            ("cc number out of range", cc("74 = 128")),
            ("cc bend out of range", cc("bend = 8192")),
            ("cc list", cc("74 = [20, 110]")),
            ("cc table of neither", cc("74 = { step = \"1/4\" }")),
            ("cc table of both", cc("74 = { points = \"5\", lfo = \"sine\" }")),
            ("points empty", cc("74 = \" | \"")),
            ("points out of range", cc("74 = \"20 ~ ~ ~ 210\"")),
            ("points below", cc("74 = \"-1 20\"")),
            ("points fraction", cc("74 = \"20.5 40\"")),
            ("points unknown", cc("74 = \"20 x 40 - 60\"")),
            ("points line first", cc("74 = \"~ ~ 40\"")),
            ("points line after nothing", cc("74 = \"20 . ~ 40\"")),
            ("points line to a hold", cc("74 = \"20 ~ _ 40\"")),
            ("points line to nothing", cc("74 = \". 20 ~\"")),
            ("points line of two shapes", cc("74 = \"20 ~ ~s 40\"")),
            ("points line of unknown shape", cc("74 = \"20 ~q 40\"")),
            ("points hold first", cc("74 = \"_ 40\"")),
            ("points hold after nothing", cc("74 = \"20 . _\"")),
            ("points step", cc("74 = { points = \"20 40\", step = \"1 baar\" }")),
            ("points key", cc("74 = { points = \"20 40\", stpe = \"1/4\" }")),
            ("points too long", cc("74 = { points = \"20 40\", step = \"2000 bars\" }")),
            ("points too short", cc(&format!("74 = \"{}\"", "5 ".repeat(4_000)))),
            ("points too many", cc(&format!("74 = \"{}\"", "5 ".repeat(66_000)))),
            (
                "points of too many values",
                pattern(format!("bars = 3000\ncc = {{ bass.bend = \"{}\" }}\n", "8191 ~ -8192 ~ ".repeat(10))),
            ),
            (
                "values too many together",
                pattern(format!(
                    "bars = 3000\n{}",
                    (0..40).map(|i| format!("cc.bass.nrpn-{i} = \"0 ~ 16383 ~\"\n")).collect::<String>()
                )),
            ),
            ("lfo unknown", cc("74 = { lfo = \"sinus\" }")),
            ("lfo range", cc("74 = { lfo = \"sine\", low = 20, high = 200 }")),
            ("lfo upside down", cc("74 = { lfo = \"sine\", low = 100, high = 20 }")),
            ("lfo low alone", cc("bend = { lfo = \"saw\", high = -8193 }")),
            ("lfo length", cc("74 = { lfo = \"sine\", length = \"2\" }")),
            ("lfo phase", cc("74 = { lfo = \"sine\", phase = 360 }")),
            ("lfo phase of chance", cc("74 = { lfo = \"random\", phase = 50 }")),
            ("lfo step of a wave", cc("74 = { lfo = \"sine\", step = \"1/8\" }")),
            ("lfo of too many values", pattern("bars = 3000\ncc.bass.74 = { lfo = \"random\", step = \"1/3840\" }\n")),
            (
                "lanes too many with controllers",
                pattern(format!(
                    "drums = \"\"\"\n{}\"\"\"\ncc = {{ bass = {{ 74 = 5, 75 = 5, 76 = 5 }} }}\n",
                    "k...\n".repeat(510)
                )),
            ),
        ],
    );
}

#[test]
fn programs() {
    let program = |what: &str| pattern(format!("program = {{ {what} }}\n"));
    check(
        "programs",
        &[
            ("program number", pattern("program = 5\n")),
            ("program of nobody", program("bas = 5")),
            ("program of nobody far", program("piano = 5")),
            ("program out of range", program("bass = 128")),
            ("program text", program("bass = \"Lead 5\"")),
            ("program without number", program("bass = { bank = 5 }")),
            ("program bank", program("bass = { program = 5, bank = 16384 }")),
            ("program key", program("bass = { program = 5, banc = 1 }")),
            ("program ahead", program("bass = 5, ahead = \"soon\"")),
            ("program ahead misspelled", program("bass = 5, ahaed = \"1 beat\"")),
            ("program of a silent port", set("[ports.a]\ndevice = \"A\"\n[patterns.main]\nprogram = { a = 5 }\n")),
            (
                "program twice on a channel",
                set(
                    "[ports.a]\ndevice = \"A\"\n[tracks.b]\nport = \"a\"\nchannel = 1\n[tracks.c]\nport = \"a\"\nchannel = 1\n[patterns.main]\nprogram = { b = 5, c = 6 }\n",
                ),
            ),
            (
                "track called ahead",
                set("[ports.a]\ndevice = \"A\"\n[tracks.ahead]\nport = \"a\"\nchannel = 1\n[patterns.main]\n"),
            ),
        ],
    );
}

#[test]
fn songs() {
    let song = |song: &str| pattern(format!("[patterns.build]\nbars = 8\n[song]\n{song}\n"));
    check(
        "songs",
        &[
            ("song text", set("song = \"main\"\n[patterns.main]\n")),
            ("song without parts", song("end = \"loop\"")),
            ("song parts text", song("parts = \"main x4\"")),
            ("song empty", song("parts = []")),
            ("song part number", song("parts = [\"main\", 4]")),
            ("song part empty", song("parts = [\"main\", \"\"]")),
            ("song unknown pattern", song("parts = [\"mian x4\", \"build\"]")),
            ("song far pattern", song("parts = [\"chorus\"]")),
            ("song times", song("parts = [\"main 4\", \"build x0\", \"main x\"]")),
            ("song two patterns", song("parts = [\"main x4 build\"]")),
            ("song end", song("parts = [\"main\"]\nend = \"repeat\"")),
            ("song key", song("parts = [\"main\"]\nends = \"loop\"")),
            ("song too long", song("parts = [\"build x300\", \"build x100\"]")),
            ("song much too long", song("parts = [\"build x9223372036854775807\"]")),
            ("song too many parts", song(&format!("parts = [{}]", "\"main\",".repeat(1_025)))),
        ],
    );
}

#[test]
fn bindings() {
    let bind = |on: &str, command: &str| pattern(format!("[[bind]]\non = \"{on}\"\ndo = \"{command}\"\n"));
    let stop = |on: &str| bind(on, "stop");
    let does = |command: &str| bind("mono note 36", command);
    check(
        "bindings",
        &[
            ("bind table", pattern("[bind]\non = \"mono note 36\"\ndo = \"stop\"\n")),
            ("bind without do", pattern("[[bind]]\non = \"mono note 36\"\n")),
            ("bind without on", pattern("[[bind]]\ndo = \"stop\"\n")),
            ("bind key", pattern("[[bind]]\non = \"mono note 36\"\nod = \"stop\"\n")),
            ("on empty", stop("")),
            ("on no port", stop("keys note 36")),
            ("on nothing", stop("mono")),
            ("on channel alone", stop("mono channel 1")),
            ("on two things", stop("mono note 36 cc 5")),
            ("on unknown", stop("mono nore 36")),
            ("on note number", stop("mono note 128")),
            ("on note name", stop("mono note h2")),
            ("on controller", stop("mono cc 128")),
            ("on program", stop("mono program five")),
            ("on channel", stop("mono note 36 channel 0")),
            ("on without number", stop("mono note")),
            ("on too much at once", pattern("[[bind]]\non = \"mono note 36\"\ndo = \"stop\"\n".repeat(9))),
            (
                "bind too many",
                pattern(
                    (0..257)
                        .map(|i| {
                            format!("[[bind]]\non = \"mono cc {} channel {}\"\ndo = \"stop\"\n", i % 128, i / 128 + 1)
                        })
                        .collect::<String>(),
                ),
            ),
            ("do nothing", does("")),
            ("do unknown", does("lanuch main")),
            ("do far", does("play main")),
            ("do launch nothing", does("launch")),
            ("do launch unknown", does("launch mian")),
            ("do launch when", does("launch main at twice")),
            ("do launch at nothing", does("launch main at")),
            ("do launch too much", does("launch main now")),
            ("do jump without song", does("jump 2")),
            ("do mute unknown", does("mute bas")),
            ("do mute all", does("mute")),
            ("do switch", does("mute bass onn")),
            ("do transpose far", does("transpose +200")),
            ("do transpose nothing", does("transpose bass")),
            ("on values of a controller", stop("mono cc 20 64..128")),
            ("on values the wrong way", stop("mono note 36 100..50")),
            ("on values of a program", stop("mono program 3 1..2")),
            ("on values twice", stop("mono cc 20 1..2 3..4")),
            ("on bend", stop("mono bend 0..9000")),
            ("on bent", stop("mono bendd")),
            ("do fader of a key", does("tempo 100..140")),
            ("do fader of a part", bind("mono cc 20 0..63", "tempo 100..140")),
            ("do fader far", bind("mono cc 20", "transpose bass -200..0")),
            ("do fader of a controller", bind("mono cc 20", "cc bass 74 20..200")),
            ("do cc unknown", does("cc bass cutof 5")),
            ("do cc value", does("cc bass 74 200")),
            ("do cc lacks", does("cc bass 74")),
            ("light of what", pattern("[[bind]]\non = \"mono note 36\"\ndo = \"panic\"\nlight = true\n")),
            ("light of a program", pattern("[[bind]]\non = \"mono program 3\"\ndo = \"start\"\nlight = true\n")),
            ("light values", pattern("[[bind]]\non = \"mono note 36\"\ndo = \"start\"\nlight = \"0 200\"\n")),
            ("light that plays", pattern("[[bind]]\non = \"mono note 36\"\ndo = \"start\"\nlight = \"0 20\"\n")),
            ("do tempo nothing", does("tempo")),
            ("do tempo fast", does("tempo 500")),
            ("do tempo fine", does("tempo +0.125")),
            (
                "do jump beyond",
                pattern("[song]\nparts = [\"main\"]\n[[bind]]\non = \"mono note 36\"\ndo = \"jump 2\"\n"),
            ),
        ],
    );
}

#[test]
fn several_at_once() {
    check(
        "several_at_once",
        &[
            (
                "several",
                pattern(
                    "drms = \"k\"\nbass = { stp = \"1/8\", steps = \"c2 h2\", gate = 500 }\nclick = \"x...\"\n[clock]\nfollow = \"keys\"\n",
                ),
            ),
            ("very many", pattern((0..50).map(|i| format!("track{i} = \"k\"\n")).collect::<String>())),
        ],
    );
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let mistakes = Set::parse("show.toml", format!("{RIG}drums = \"j\"\n").as_bytes()).unwrap_err();
    let colored = mistakes.render(true);
    assert!(colored.contains('\u{1b}'));
    let mut plain = String::new();
    for (i, part) in colored.split('\u{1b}').enumerate() {
        plain.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(plain, mistakes.render(false));
    assert_eq!(mistakes.to_string(), mistakes.render(false));
}

#[test]
fn places_are_lines_and_columns() {
    let mistakes = Set::parse("show.toml", b"tempo = 125\n\n  tmepo = 120\n[patterns.main]\n").unwrap_err();
    assert_eq!(mistakes.list().len(), 1);
    assert_eq!(mistakes.list()[0].line_column(), Some((3, 3)));
    assert_eq!(mistakes.list()[0].span, Some(15..20));
    assert_eq!(mistakes.more(), 0);
}

/// A set with the mistake in its first lines.
fn top(text: &str) -> Vec<u8> {
    format!("{text}\n{RIG}").into_bytes()
}

#[test]
fn slips_of_the_hand() {
    let bass = |steps: &str| pattern(format!("bass = \"{steps}\"\n"));
    check(
        "slips_of_the_hand",
        &[
            ("chord without brackets", bass("c2m7 . c2 eb2maj7")),
            ("chord without its octave", bass("Am7 . F#m")),
            ("german names", bass("cis2 es2 as1 h2")),
            ("solfege", bass("do re2 Sol3")),
            ("signs of printed music", bass("c♯2 E♭ f♮2")),
            ("sign before the letter", bass("#f2 ♭e2 ^c2")),
            ("sign after the octave", bass("c2# c2b")),
            ("two sharps", bass("f##2 bbb1")),
            ("octave as a mark", bass("c' d,,")),
            ("a rest of others", bass("r4 z ~ c2")),
            (
                "degrees with signs",
                top("scale = \"c minor\"").into_iter().chain(b"bass = \"#4 b7 1\"\n".to_owned()).collect(),
            ),
            (
                "a degree or how often",
                top("scale = \"c minor\"").into_iter().chain(b"bass = \"1 3 (5 7)\"\n".to_owned()).collect(),
            ),
            ("no octaves", bass("c . c eb [g bb]")),
            ("a range of velocities", bass("c2:60-90 c2:60..90")),
            ("decimal comma", top("tempo = 124,5")),
            ("decimal comma in braces", pattern("bass = { steps = \"c2\", gate = 50,5 }\n")),
            ("decimal comma with a unit", pattern("[ports.c]\ndevice = \"C\"\noffset = \"-1,5 ms\"\n")),
            ("decimal comma among points", pattern("cc.bass.74 = \"20,5 ~ 10O\"\n")),
            ("letter for a digit", pattern("bars = 1O\n")),
            ("number in quotes", top("tempo = \"124\"")),
            ("steps without quotes", pattern("bass = c2 . c2 eb2\n")),
            ("steps without quotes and a comment", pattern("bass = [c2 f#2] . # the end\n")),
            ("degrees without quotes", pattern("bass = 1 3 5\n")),
            (
                "how often in a song",
                pattern("[song]\nparts = [\"main*4\", \"main:4\", \"main 4\", \"4x main\", \"mainx4\"]\n"),
            ),
            ("name with a space", pattern("[patterns.build up]\nbass = \"c2\"\n")),
            ("space for a dot", pattern("[patterns build]\nbass = \"c2\"\n")),
            ("name with an umlaut", pattern("[patterns.über]\nbass = \"c2\"\n")),
            ("quoted name with a space", pattern("[ports.\"my synth\"]\ndevice = \"B\"\n")),
            ("two commands", pattern("[[bind]]\non = \"mono note 36\"\ndo = \"launch main, tempo 128\"\n")),
            ("two commands and a word", pattern("[[bind]]\non = \"mono note 36\"\ndo = \"stop and panic\"\n")),
            ("key of the top", pattern("tempo = 128\n")),
            ("key of steps", pattern("swing = 58\n")),
            ("key of a track", pattern("note = \"c2\"\n")),
            ("key misspelled", pattern("lauch = \"4 bars\"\n")),
            ("steps of nobody", pattern("steps = \"c2\"\n")),
        ],
    );
}

#[test]
fn the_mark_is_at_the_very_character_whatever_is_escaped() {
    check(
        "places",
        &[
            ("tab", pattern("bass = \"c2\\tq2\"\n")),
            ("code point", pattern("bass = \"\\u00632 q2\"\n")),
            ("what is escaped itself", pattern("bass = \"c2 \\u0071 c2\"\n")),
            ("line that goes on", pattern("bass = \"\"\"\nc2 . \\\n  e2 q2\n\"\"\"\n")),
            ("second line", pattern("bass = \"\"\"\nc2 . \\\n\n  e2\nq2 c2\n\"\"\"\n")),
            ("line ends of windows", pattern("bass = \"\"\"\r\nc2 . \\\r\n  e2\r\nq2 c2\r\n\"\"\"\r\n")),
            ("beat over two lines", pattern("drums = \"\"\"\nk . . . \\\n  j . . .\n\"\"\"\n")),
        ],
    );
}

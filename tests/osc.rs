//! OSC with real shows and real sockets.

#![cfg(unix)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::remote::{PATIENCE, Runtime, Show, text, track};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, decoder, encoder};

fn string(text: &str) -> OscType {
    OscType::String(text.to_owned())
}

fn packet(address: &str, args: Vec<OscType>) -> Vec<u8> {
    encoder::encode(&OscPacket::Message(OscMessage { addr: address.to_owned(), args })).unwrap()
}

/// The port that a show listens at.
fn port(show: &Show) -> u16 {
    let said = show.heading.lines().find_map(|line| line.strip_prefix("osc: listens at ")).expect("it listens");
    let address = said.split([',', ';']).next().expect("it says where");
    address.parse::<std::net::SocketAddr>().expect("an address").port()
}

/// A surface that is connected to a show.
struct Surface(UdpSocket);

impl Surface {
    fn of(show: &Show) -> Surface {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port(show))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Surface(socket)
    }

    fn say(&self, address: &str, args: Vec<OscType>) {
        self.0.send(&packet(address, args)).unwrap();
    }

    fn hear(&self) -> OscMessage {
        let mut bytes = [0; 2_048];
        let length = self.0.recv(&mut bytes).expect("something comes");
        match decoder::decode_udp(&bytes[..length]) {
            Ok((_, OscPacket::Message(message))) => message,
            other => panic!("{other:?}"),
        }
    }

    /// The next message at this address.
    fn hear_at(&self, address: &str) -> Vec<OscType> {
        loop {
            let message = self.hear();
            if message.addr == address {
                return message.args;
            }
        }
    }

    /// What is wrong with a message.
    fn error(&self, address: &str, args: Vec<OscType>) -> String {
        self.say(address, args);
        match &self.hear_at("/tightrope/error")[..] {
            [OscType::String(why)] => why.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn commands_are_done_and_wrong_ones_answered() {
    let runtime = Runtime::new("osc");
    let show = runtime.play(&["--osc", "0"]);
    let surface = Surface::of(&show);
    surface.say("/tightrope/mute", vec![string("drums"), OscType::Int(1)]);
    surface.say("/tightrope/solo/bass", vec![OscType::Float(1.0)]);
    surface.say("/tightrope/tempo", vec![OscType::Float(300.0)]);
    surface.say("/tightrope/fill", vec![OscType::Bool(true)]);
    surface.say("/tightrope/launch", vec![string("verse"), string("at"), string("now")]);
    runtime.connect().watch_until("all of it", |status| {
        track(status, "drums")["muted"] == true
            && track(status, "bass")["soloed"] == true
            && status["tempo_bpm"] == 300.0
            && status["fill"] == true
            && status["pattern"] == "verse"
    });
    let why = surface.error("/tightrope/lanch", vec![string("verse")]);
    assert!(why.contains("did you mean `launch`?"), "{why}");
    let why = surface.error("/tightrope/mute/drms", vec![OscType::Int(1)]);
    assert!(why.contains("did you mean `drums`?"), "{why}");
    assert!(surface.error("/tightrope/tempo", vec![OscType::Nil]).contains("arguments are text"));
    // A bundle, with a time that is far away.
    let content = ["/tightrope/fill/off", "/tightrope/hold/on"]
        .map(|address| OscPacket::Message(OscMessage { addr: address.to_owned(), args: vec![] }));
    let timetag = OscTime { seconds: u32::MAX, fractional: 0 };
    let bundle = OscPacket::Bundle(OscBundle { timetag, content: content.to_vec() });
    surface.0.send(&encoder::encode(&bundle).unwrap()).unwrap();
    let status =
        runtime.connect().watch_until("the bundle", |status| status["fill"] == false && status["hold"] == true);
    assert_eq!(status["osc"]["orders"], 7);
    surface.say("/tightrope/quit", vec![OscType::Float(0.0)]);
    surface.say("/tightrope/quit", vec![OscType::Float(1.0)]);
    assert_eq!(show.end(), Some(0));
}

#[test]
fn subscribers_are_told_everything_and_then_what_changes() {
    let runtime = Runtime::new("sub");
    let show = runtime.play(&["--osc", "0"]);
    let surface = Surface::of(&show);
    surface.say("/tightrope/subscribe", vec![]);
    let first: Vec<String> = (0..18).map(|_| surface.hear().addr.replace("/tightrope/status/", "")).collect();
    let single = ["set", "transport", "position", "tempo", "pattern", "part", "queued", "fill", "hold"];
    assert_eq!(first, [&single[..], &["mute", "solo", "transpose"].repeat(3)].concat());
    surface.say("/tightrope/mute/bass", vec![OscType::Int(1)]);
    assert_eq!(surface.hear_at("/tightrope/status/mute"), [string("bass"), OscType::Int(1)]);
    let beat = || match surface.hear_at("/tightrope/status/position")[..] {
        [OscType::Int(bar), OscType::Int(beat)] => bar * 4 + beat,
        ref other => panic!("{other:?}"),
    };
    let beats = [beat(), beat(), beat()];
    assert!(beats.is_sorted() && beats[0] != beats[1], "{beats:?}");
    surface.say("/tightrope/launch/verse", vec![string("at 2 bars")]);
    let queued = surface.hear_at("/tightrope/status/queued");
    assert!(matches!(&queued[..], [OscType::String(verse), OscType::Int(_), OscType::Int(1), _] if verse == "verse"));
    // Another socket of the same machine, by its port; and its end.
    let other = Surface::of(&show);
    let port = i32::from(other.0.local_addr().unwrap().port());
    surface.say("/tightrope/subscribe", vec![OscType::Int(port)]);
    assert_eq!(other.hear_at("/tightrope/status/set"), [string("liveset")]);
    assert_eq!(runtime.status()["osc"]["subscribers"], 2);
    surface.say("/tightrope/unsubscribe", vec![OscType::Int(port)]);
    surface.say("/tightrope/unsubscribe", vec![]);
    let mut client = runtime.connect();
    while client.ask("status")["status"]["osc"]["subscribers"] != 0 {}
    // There is room for eight.
    let sockets: Vec<Surface> = (0..9).map(|_| Surface::of(&show)).collect();
    for socket in &sockets[..8] {
        socket.say("/tightrope/subscribe", vec![]);
        socket.hear_at("/tightrope/status/set");
    }
    let why = sockets[8].error("/tightrope/subscribe", vec![]);
    assert!(why.contains("8 have subscribed already"), "{why}");
}

#[test]
fn what_is_no_osc_does_no_harm_and_is_not_answered() {
    let runtime = Runtime::new("junk");
    let show = runtime.play(&["--osc", "0"]);
    let surface = Surface::of(&show);
    let nested = (0..50).fold(OscPacket::Message(OscMessage { addr: "/a".to_owned(), args: vec![] }), |inside, _| {
        OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content: vec![inside] })
    });
    let junk = [
        b"".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xFF; 65_000],
        b"#bundle\0".to_vec(),
        [&b"/tightrope/stop\0,"[..], &[b'['; 1_200], &[0; 3]].concat(),
        encoder::encode(&nested).unwrap(),
        packet("/tightrope/error", vec![string("an answer of another show")]),
        packet("/tightrope/status/tempo", vec![OscType::Float(1.0)]),
        packet("/accxyz", vec![OscType::Float(1.0); 3]),
    ];
    for bytes in &junk {
        surface.0.send(bytes).unwrap();
    }
    // The first answer is to this, and all before it have been read by then.
    surface.say("/tightrope/xyzzy", vec![]);
    assert!(matches!(surface.hear(), message if message.addr == "/tightrope/error"));
    let status = runtime.status();
    assert_eq!(status["osc"]["malformed"], junk.len());
    assert_eq!(status["osc"]["declined"], 1, "what there is not was answered, and counted");
    assert_eq!((&status["transport"], &status["osc"]["orders"]), (&"running".into(), &0.into()));
}

#[test]
fn a_flood_is_dropped_and_counted_and_the_show_goes_on() {
    const PACKETS: u32 = 10_000;
    let runtime = Runtime::new("storm");
    let show = runtime.play(&["--osc", "0"]);
    let surface = Surface::of(&show);
    let storm = packet("/tightrope/mute", vec![string("drums"), OscType::Int(1)]);
    let begun = Instant::now();
    for number in 0..PACKETS {
        // Ten thousand a second.
        while begun.elapsed() < Duration::from_micros(100) * number {
            std::hint::spin_loop();
        }
        surface.0.send(&storm).unwrap();
    }
    let status = runtime.status();
    // All of a second at once, and what comes in while it lasts.
    let most = 200.0 * (1.0 + begun.elapsed().as_secs_f64());
    let count = |name: &str| status["osc"][name].as_u64().unwrap();
    assert!((1..=most as u64).contains(&count("orders")), "{status}");
    // A machine that is busy with other things loses most of them before they are read.
    assert!(count("orders") + count("dropped") <= u64::from(PACKETS), "{status}");
    assert_eq!((&status["transport"], &track(&status, "drums")["muted"]), (&"running".into(), &true.into()));
    // Hands are heard again, by OSC as soon as there is room, and by the other way at any time.
    assert_eq!(runtime.connect().ask("hold on")["ok"], true);
    let given_up = Instant::now() + PATIENCE;
    while track(&runtime.status(), "drums")["muted"] == true {
        surface.say("/tightrope/mute", vec![string("drums"), OscType::Int(0)]);
        assert!(Instant::now() < given_up, "the show is deaf");
    }
    assert_eq!(runtime.status()["hold"], true);
}

#[test]
fn it_listens_where_it_is_told_to_and_says_when_that_is_open_to_all() {
    let runtime = Runtime::new("where");
    let quiet = runtime.play(&[]);
    assert!(!quiet.heading.contains("osc:"), "{}", quiet.heading);
    let open = runtime.play(&["--osc", "0.0.0.0:0"]);
    assert!(
        open.heading.contains("; whoever reaches this address can play, unless there is a key in [osc]\n"),
        "{}",
        open.heading
    );

    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = runtime.run(&["play", "liveset", "--osc", &port]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with(&format!("tightrope: cannot listen for OSC at 127.0.0.1:{port}: ")), "{said}");
    // What the file asks for is not worth a show.
    let config = runtime.0.join("osc.toml");
    std::fs::write(&config, format!("[osc]\nlisten = \"{port}\"\n")).unwrap();
    let without = runtime.play(&["--config", config.to_str().unwrap()]);
    assert!(without.heading.contains(&format!("osc: not available at 127.0.0.1:{port}: ")), "{}", without.heading);

    let output = runtime.run(&["play", "--osc", "liveset"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`liveset` is no place to listen"), "{}", text(&output.stderr));
}

/// Says STOP to the show at the port that the variable names, as another user, and stays until it is read.
#[test]
#[ignore = "another user: run by the test below"]
fn stranger() {
    let port = std::env::var("STRANGE_PORT").expect("it says where the show listens");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    socket.send(&packet("/tightrope/quit", vec![])).unwrap();
    assert!(socket.recv(&mut [0; 512]).is_err(), "it is answered");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs root: scripts/test runs it for root"]
fn another_user_of_the_machine_cannot_play() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    assert!(rustix::process::geteuid().is_root(), "only root can be somebody else");
    let runtime = Runtime::new("stranger");
    let show = runtime.play(&["--osc", "0"]);
    // Where everybody may run it.
    let program = std::env::temp_dir().join(format!("tightrope-stranger-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let status = std::process::Command::new(&program)
        .args(["--exact", "osc::stranger", "--ignored"])
        .env("STRANGE_PORT", port(&show).to_string())
        .current_dir("/")
        .uid(65_534)
        .gid(65_534)
        .status();
    std::fs::remove_file(&program).unwrap();
    assert!(status.unwrap().success());
    let status = runtime.status();
    assert_eq!((&status["transport"], &status["osc"]["refused"]), (&"running".into(), &1.into()), "{status}");
    let notice = status["notice"].to_string();
    assert!(notice.contains("was not heeded: it came from another user of this machine (65534)"), "{notice}");
    // Who plays is heard all the same.
    let own = Surface::of(&show);
    own.say("/tightrope/hold/on", vec![]);
    runtime.connect().watch_until("our own", |status| status["hold"] == true);
}

#[test]
fn with_a_key_whoever_knows_it_plays() {
    let runtime = Runtime::new("key");
    let config = runtime.0.join("key.toml");
    std::fs::write(&config, "[osc]\nkey = \"open-sesame\"\n").unwrap();
    let show = runtime.play(&["--osc", "0", "--config", config.to_str().unwrap()]);
    assert!(show.heading.contains(", with the key\n") && !show.heading.contains("sesame"), "{}", show.heading);
    let surface = Surface::of(&show);
    let why = surface.error("/tightrope/stop", vec![]);
    // A short message is answered shortly.
    assert!("the key is missing: addresses are /tightrope/KEY/launch".starts_with(&why), "{why}");
    surface.say("/tightrope/status/tempo", vec![OscType::Float(1.0)]);
    surface.say("/tightrope/open-sesame/hold/on", vec![]);
    surface.say("/tightrope/open-sesame/subscribe", vec![]);
    assert_eq!(surface.hear().addr, "/tightrope/status/set");
    let status = runtime.connect().watch_until("what was said with it", |status| status["hold"] == true);
    assert_eq!((&status["transport"], &status["osc"]["refused"]), (&"running".into(), &1.into()), "{status}");
    std::fs::write(&config, "[osc]\nkey = \"too/open\"\n").unwrap();
    let output = runtime.run(&["play", "liveset", "--config", config.to_str().unwrap()]);
    assert!(text(&output.stderr).contains("a key has 8 to 64 letters"), "{}", text(&output.stderr));
}

#[test]
fn a_guest_is_sent_little_until_it_has_proved_to_be_there() {
    let runtime = Runtime::new("guest");
    let show = runtime.play(&["--osc", "0.0.0.0:0"]);
    let guest = Surface::of(&show);
    let asked = packet("/tightrope/subscribe", vec![]);
    guest.0.send(&asked).unwrap();
    let mut bytes = [0; 2_048];
    let length = guest.0.recv(&mut bytes).unwrap();
    assert!(length <= 3 * asked.len(), "{length} bytes for {}", asked.len());
    let Ok((_, OscPacket::Message(hello))) = decoder::decode_udp(&bytes[..length]) else { panic!("no OSC") };
    let [OscType::Int(number)] = hello.args[..] else { panic!("{hello:?}") };
    assert_eq!(hello.addr, "/tightrope/hello");
    // The next that comes is what is wrong here, and no longer than it may be: nothing of the status.
    guest.say("/tightrope/hello", vec![OscType::Int(number.wrapping_add(1))]);
    let wrong = packet("/tightrope/xyzzy", vec![]);
    guest.0.send(&wrong).unwrap();
    let length = guest.0.recv(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"/tightrope/error\0") && length <= 3 * wrong.len(), "{length}");
    guest.say("/tightrope/hello", vec![OscType::Int(number)]);
    assert_eq!(guest.hear().addr, "/tightrope/status/set");
    // Addresses where nobody is cannot keep others out.
    for port in 1..20 {
        guest.say("/tightrope/subscribe", vec![OscType::Int(port)]);
    }
    let other = Surface::of(&show);
    other.say("/tightrope/subscribe", vec![]);
    let number = other.hear_at("/tightrope/hello");
    other.say("/tightrope/hello", number);
    assert_eq!(other.hear().addr, "/tightrope/status/set");
}

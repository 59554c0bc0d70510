//! Files and folders that are not as they should be. Each case runs in a process of its own.

use MIOpen::card::{Card, LibraryVersion};
use MIOpen::hip::topology::Architecture;
use MIOpen::journal::{self, probed};
use MIOpen::problem::ConvProblem;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const CHILD: &str = "MIOPEN_BYPASS_TEST_CHILD";

fn card() -> Card {
    let navi10 = Architecture { major: 10, minor: 1, stepping: 0 };
    let library = Some(LibraryVersion::new(3, 2, 0));
    Card { ordinal: 0, physical: navi10, reported: navi10, library }
}

fn problem(number: usize) -> ConvProblem {
    format!("conv -n {number} -c 16 -H 32 -W 32 -k 32 -y 3 -x 3 -F 1").parse().unwrap()
}

/// Not a test of its own: what the others run in a process with its own journal.
#[test]
fn child() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let (what, number) = what.split_once(' ').unwrap();
    let problem = problem(number.parse().unwrap());
    match what {
        "complete" => match journal::begin(&problem, &card()) {
            Some(token) => token.complete(),
            None => println!("not recorded"),
        },
        "fail" => journal::begin(&problem, &card()).unwrap().failed(),
        "drop" => drop(journal::begin(&problem, &card()).unwrap()),
        "die" => {
            std::mem::forget(journal::begin(&problem, &card()).unwrap());
            std::process::exit(0);
        }
        "twice" => {
            let first = journal::begin(&problem, &card());
            assert!(first.is_some() && journal::begin(&problem, &card()).is_none());
            first.unwrap().complete();
            assert!(journal::begin(&problem, &card()).is_none());
        }
        "learned" => {}
        other => panic!("no such child: {other}"),
    }
    println!("learned: {:?}", journal::learned(&problem, &card()));
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("miopen-troubles-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// What a process says that does this.
    fn process(&self, what: &str) -> String {
        in_process(what, &[("MIOPEN_BYPASS_JOURNAL", self.0.as_path())])
    }

    fn learned(&self, number: usize) -> String {
        let text = self.process(&format!("learned {number}"));
        text.split("learned: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn in_process(what: &str, settings: &[(&str, &Path)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, what)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{what}: {text}");
    text
}

fn our_lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.split_once("miopen-bypass: ").map(|(_, line)| line))
        .collect()
}

#[test]
fn what_a_run_taught_is_known_to_the_next_and_said_once() {
    let folder = Folder::new("taught");
    folder.process("complete 1");
    folder.process("fail 2");
    folder.process("drop 3");
    folder.process("twice 5");
    folder.process("die 4");
    let first = folder.process("learned 4");
    assert!(first.contains("learned: Bad"), "{first}");
    let lines = our_lines(&first);
    assert_eq!(lines.len(), 1, "{first}");
    assert!(lines[0].contains("did not survive") && lines[0].contains("conv -n 4 "), "{first}");
    let learned = [1, 2, 3, 4, 5].map(|number| folder.learned(number));
    assert_eq!(learned, ["Proven", "Bad", "Nothing", "Bad", "Proven"]);
    assert_eq!(our_lines(&folder.process("learned 4")), Vec::<&str>::new());
    // Another card, and another library, have their own experience.
    let text = fs::read_to_string(folder.journal()).unwrap();
    assert!(text.contains("gfx1010 gfx1010 3.2.0 conv -n 1 -c 16"), "{text}");
}

#[test]
fn torn_and_damaged_lines_are_removed_and_the_others_stay() {
    let folder = Folder::new("torn");
    folder.process("complete 1");
    folder.process("complete 2");
    let mut bytes = fs::read(folder.journal()).unwrap();
    // A bit of the record on 2, and half a line at the end as a full disk leaves it.
    let at = bytes.windows(5).rposition(|part| part == b"-n 2 ").unwrap();
    bytes[at + 3] ^= 2;
    bytes.extend_from_slice(b"\n0123456789abcdef begin ab");
    fs::write(folder.journal(), bytes).unwrap();
    // Somebody appends before anybody reads.
    let text = folder.process("complete 3");
    let lines = our_lines(&text);
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains("2 damaged line(s) were removed"), "{text}");
    let learned = [1, 2, 3].map(|number| folder.learned(number));
    assert_eq!(learned, ["Proven", "Nothing", "Proven"]);
    assert_eq!(our_lines(&folder.process("learned 1")), Vec::<&str>::new());
}

#[test]
fn what_is_no_journal_is_set_aside() {
    let folder = Folder::new("aside");
    fs::write(folder.journal(), [0xff, 0, 7, b'\n', 0x80]).unwrap();
    let text = folder.process("complete 1");
    assert!(our_lines(&text)[0].contains("it is now"), "{text}");
    assert_eq!(fs::read(folder.0.join("journal.damaged")).unwrap(), [0xff, 0, 7, b'\n', 0x80]);
    assert_eq!(folder.learned(1), "Proven");
}

#[test]
fn a_later_versions_file_is_left_alone() {
    let folder = Folder::new("later");
    let content = "miopen-bypass journal 2\nsomething\n";
    fs::write(folder.journal(), content).unwrap();
    let text = folder.process("complete 1");
    assert_eq!(our_lines(&text).len(), 1, "{text}");
    assert!(text.contains("the journal is off") && text.contains("not recorded"), "{text}");
    assert_eq!(fs::read_to_string(folder.journal()).unwrap(), content);
}

#[test]
fn where_nothing_can_be_written_it_is_off_with_one_line() {
    let folder = Folder::new("full");
    // A device that never ends is no journal.
    symlink("/dev/zero", folder.journal()).unwrap();
    let text = folder.process("complete 1");
    assert_eq!(our_lines(&text).len(), 1, "{text}");
    assert!(text.contains("the journal is off") && text.contains("not recorded"), "{text}");
    // A folder that is none, one that cannot be, and no home at all.
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    for place in [file.join("below"), PathBuf::from("/proc/nowhere/journal")] {
        let text = in_process("complete 1", &[("MIOPEN_BYPASS_JOURNAL", &place)]);
        assert_eq!(our_lines(&text).len(), 1, "{text}");
        assert!(text.contains("the journal is off") && text.contains("not recorded"), "{text}");
    }
    let nowhere = Path::new("relative");
    let text = in_process("complete 1", &[("XDG_STATE_HOME", nowhere), ("HOME", nowhere)]);
    assert!(our_lines(&text)[0].contains("there is no home folder"), "{text}");
    let text = in_process("complete 1", &[("MIOPEN_BYPASS_JOURNAL", Path::new("off"))]);
    assert_eq!(our_lines(&text), Vec::<&str>::new());
}

/// A limit to the length of files is met like the end of a disk: the write comes back short.
#[test]
fn a_full_disk_turns_it_off_and_spoils_nothing() {
    let folder = Folder::new("short");
    let limited = |what: &str, blocks: u32| {
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""])
            .arg(blocks.to_string())
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, what)
            .env("MIOPEN_BYPASS_JOURNAL", &folder.0)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "{what}: {text}");
        text
    };
    let text = limited("complete 1", 0);
    assert_eq!(our_lines(&text).len(), 1, "{text}");
    assert!(text.contains("the journal is off") && text.contains("not recorded"), "{text}");
    // A block, which the records on a few problems fill to the last byte.
    folder.process("complete 1");
    let recorded = (2..12)
        .take_while(|number| !limited(&format!("complete {number}"), 1).contains("is off"))
        .count();
    assert!(recorded < 10, "there was no end to a block");
    folder.process("complete 20");
    assert_eq!([1, 20].map(|number| folder.learned(number)), ["Proven", "Proven"]);
    assert!((0..recorded).all(|at| folder.learned(2 + at) == "Proven"));
}

#[test]
fn a_read_only_journal_is_heeded() {
    let folder = Folder::new("read-only");
    folder.process("fail 1");
    // As root no permission forbids anything; this does.
    let status = Command::new("chattr").arg("+i").arg(folder.journal()).output();
    if !status.is_ok_and(|output| output.status.success()) {
        println!("skipped: no file can be made immutable here");
        return;
    }
    let text = folder.process("complete 2");
    let learned = folder.process("learned 1");
    let _ = Command::new("chattr").arg("-i").arg(folder.journal()).status();
    assert!(text.contains("the journal is off"), "{text}");
    assert!(learned.contains("learned: Bad"), "{learned}");
}

#[test]
fn a_probe_clears_what_an_earlier_run_died_of_and_the_reverse() {
    let folder = Folder::new("probed");
    folder.process("die 1");
    assert_eq!(folder.learned(1), "Bad");
    let tell = |outcome, at_unix_s, number| {
        let one = probed::Probed::new(outcome, at_unix_s, &problem(number), &card());
        probed::append(&folder.0, &one).unwrap();
    };
    tell(probed::Outcome::Passed, 1, 1);
    assert_eq!(folder.learned(1), "Bad", "it was probed long before");
    tell(probed::Outcome::Passed, u64::MAX, 1);
    assert_eq!(folder.learned(1), "Proven");
    tell(probed::Outcome::Trusted, 5, 2);
    tell(probed::Outcome::Hung, 5, 3);
    tell(probed::Outcome::Wrong, 5, 4);
    let learned = [2, 3, 4].map(|number| folder.learned(number));
    assert_eq!(learned, ["Trusted", "Bad", "Bad"]);
    fs::write(probed::path(&folder.0), "nonsense\nhung\t7\tgfx1010\n").unwrap();
    let text = folder.process("learned 3");
    assert!(our_lines(&text)[0].contains("1 line(s) cannot be read"), "{text}");
}

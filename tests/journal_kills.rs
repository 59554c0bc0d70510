//! Processes that are killed at any moment of a forward: what they began is never forgotten.
//!
//! Children are forked, several at a time on one journal. Each tells through a pipe how far it has
//! come; it is killed after a random time, or in the middle of a run that never ends.

use MIOpen::card::{Card, LibraryVersion};
use MIOpen::hip::topology::Architecture;
use MIOpen::journal::{self, Learned};
use MIOpen::problem::ConvProblem;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BATCHES: usize = 12;
const ROUNDS: usize = 100;
/// Children at a time.
const CHILDREN: usize = 3;

/// How far a child has come with its problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Started = 1,
    /// `begin` has returned.
    Begun = 2,
    /// `complete` has returned.
    Completed = 3,
    /// `end_of_process` has returned.
    Ended = 4,
}

/// What a child does after `begin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Completes,
    /// The forward does not come back.
    Hangs,
    /// It ends in good order without having waited for the forward.
    Leaves,
}

struct Child {
    pid: i32,
    pipe: File,
    problem: ConvProblem,
    fate: Fate,
}

fn card() -> Card {
    let navi10 = Architecture { major: 10, minor: 1, stepping: 0 };
    let library = Some(LibraryVersion::new(3, 2, 0));
    Card { ordinal: 0, physical: navi10, reported: navi10, library }
}

fn problem(number: usize) -> ConvProblem {
    format!("conv -n {} -c 16 -H 32 -W 32 -k 32 -y 3 -x 3 -F 1", number + 1).parse().unwrap()
}

fn fork(problem: ConvProblem, fate: Fate) -> Child {
    let mut ends = [0; 2];
    // SAFETY: a place for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the child goes on with locks that belong to it alone, as in a forking host.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    // SAFETY: each is open and used by nobody else.
    let [reader, writer] = ends.map(|end| File::from(unsafe { OwnedFd::from_raw_fd(end) }));
    if pid == 0 {
        drop(reader);
        live(writer, &problem, fate);
        // SAFETY: ends the child without running what the parent has registered.
        unsafe { libc::_exit(0) };
    }
    Child { pid, pipe: reader, problem, fate }
}

fn live(mut pipe: File, problem: &ConvProblem, fate: Fate) {
    let mut tell = |stage: Stage| pipe.write_all(&[stage as u8]).unwrap();
    tell(Stage::Started);
    let token = journal::begin(problem, &card()).expect("a new problem, and a journal");
    tell(Stage::Begun);
    match fate {
        Fate::Completes => {
            token.complete();
            tell(Stage::Completed);
        }
        Fate::Hangs => loop {
            std::thread::sleep(Duration::from_secs(60));
        },
        Fate::Leaves => {
            std::mem::forget(token);
            journal::end_of_process();
            tell(Stage::Ended);
        }
    }
}

impl Child {
    /// Kills it, and tells how far it had come.
    fn kill(mut self) -> (ConvProblem, Fate, Stage) {
        // SAFETY: a child of ours that was not waited for.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        let mut stages = Vec::new();
        self.pipe.read_to_end(&mut stages).unwrap();
        let mut status = 0;
        // SAFETY: likewise.
        assert_eq!(unsafe { libc::waitpid(self.pid, &mut status, 0) }, self.pid);
        let stage = match stages.last() {
            Some(2) => Stage::Begun,
            Some(3) => Stage::Completed,
            Some(4) => Stage::Ended,
            _ => Stage::Started,
        };
        (self.problem, self.fate, stage)
    }
}

/// What a fresh process knows of each problem.
fn learned_by_others(problems: &[ConvProblem]) -> Vec<Learned> {
    let mut ends = [0; 2];
    // SAFETY: as in `fork`.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: as in `fork`.
    let pid = unsafe { libc::fork() };
    // SAFETY: as in `fork`.
    let [mut reader, mut writer] = ends.map(|end| File::from(unsafe { OwnedFd::from_raw_fd(end) }));
    if pid == 0 {
        drop(reader);
        for problem in problems {
            writer.write_all(&[journal::learned(problem, &card()) as u8]).unwrap();
        }
        // SAFETY: as in `fork`.
        unsafe { libc::_exit(0) };
    }
    drop(writer);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    // SAFETY: a child of ours that was not waited for.
    assert_eq!(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }, pid);
    assert_eq!(bytes.len(), problems.len());
    bytes
        .into_iter()
        .map(|byte| match byte {
            0 => Learned::Nothing,
            1 => Learned::Proven,
            2 => Learned::Trusted,
            _ => Learned::Bad,
        })
        .collect()
}

/// Memory in the place of a disk, where there is some: it is the order of events that is tested.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = place.join(format!("miopen-bypass-kills-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// xorshift64 (Marsaglia, 2003).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn nothing_that_was_begun_is_lost_whenever_a_process_is_killed() {
    let scratch = scratch();
    let current = scratch.join("current");
    // SAFETY: the only test of this program, before it forks, in one thread of its own.
    unsafe { std::env::set_var("MIOPEN_BYPASS_JOURNAL", &current) };
    let mut seed = 0x5DEE_CE66_D1CE_5EED;
    let mut counts = [0; 5];
    for batch in 0..BATCHES {
        let folder = scratch.join(format!("batch-{batch}"));
        fs::create_dir_all(&folder).unwrap();
        let _ = fs::remove_file(&current);
        symlink(&folder, &current).unwrap();

        let mut results = Vec::new();
        for round in 0..ROUNDS {
            let children: Vec<Child> = (0..CHILDREN)
                .map(|child| {
                    let fate = match random(&mut seed) % 4 {
                        0 => Fate::Hangs,
                        1 => Fate::Leaves,
                        _ => Fate::Completes,
                    };
                    fork(problem(round * CHILDREN + child), fate)
                })
                .collect();
            for child in children {
                std::thread::sleep(Duration::from_micros(random(&mut seed) % 2500));
                results.push(child.kill());
            }
        }

        let problems: Vec<ConvProblem> = results.iter().map(|one| one.0.clone()).collect();
        let learned = learned_by_others(&problems);
        for ((problem, fate, stage), learned) in results.iter().zip(learned) {
            counts[*stage as usize] += 1;
            let is_right = match (stage, fate) {
                // Killed while the record was under way.
                (Stage::Started, _) => learned != Learned::Trusted,
                (Stage::Begun, Fate::Hangs) => learned == Learned::Bad,
                // Killed while its end was under way.
                (Stage::Begun, Fate::Completes) => {
                    matches!(learned, Learned::Bad | Learned::Proven)
                }
                (Stage::Begun, Fate::Leaves) => {
                    matches!(learned, Learned::Bad | Learned::Nothing)
                }
                (Stage::Completed, _) => learned == Learned::Proven,
                (Stage::Ended, _) => learned == Learned::Nothing,
            };
            assert!(is_right, "batch {batch}: {fate:?} at {stage:?}: {learned:?}: {problem}");
        }
        assert!(!folder.join("journal.damaged").exists());
    }
    let _ = fs::remove_dir_all(&scratch);
    println!("killed at each stage, from started to ended: {:?}", &counts[1..]);
    // The times are chosen so that every stage is met.
    assert!(counts[1..].iter().all(|&count| count > 50), "{counts:?}");
}

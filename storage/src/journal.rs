//! The append-only journal: what it acknowledged is on the disk, whatever happens to the process or the machine.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::frame::{self, HEADER, Header, MAX_PAYLOAD, Position};
use crate::lock::Lock;
use crate::scan::{self, Scan};
use crate::{Disk, DiskFile, Recovery, Replay, StoreError, replace};

/// Payloads of bytes, appended to numbered segments in a directory. What the payloads mean is the caller's affair.
///
/// A frame is *acknowledged* when [`append_durably`](Self::append_durably), or a [`sync`](Self::sync) after its
/// [`append`](Self::append), returned `Ok`. Opening the journal again finds every acknowledged frame, in order of
/// appending, and of the others only some that were appended, never a part of one.
pub struct Journal {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    limits: Limits,
    state: Mutex<State>,
    /// A sync has ended, well or not.
    settled: Condvar,
    /// Of the directory, unless the owner of the journal has one of its own.
    _lock: Option<Lock>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A segment that has reached this length is followed by a new one.
    pub segment_bytes: u64,
    /// Payload bytes kept in memory until a sync, in case that it fails and they have to be written elsewhere.
    pub unsynced_bytes: usize,
}

impl Default for Limits {
    /// 32 MiB and 8 MiB.
    fn default() -> Self {
        Self { segment_bytes: 32 << 20, unsynced_bytes: 8 << 20 }
    }
}

struct State {
    file: Arc<dyn DiskFile>,
    segment: u64,
    /// Where the next frame goes; everything before it was written without an error.
    end: u64,
    /// Everything before it was synced without an error.
    synced: u64,
    /// Number of frames written, and of those synced, since this journal was opened.
    written: u64,
    durable: u64,
    /// The frames between those two numbers.
    unsynced: VecDeque<Unsynced>,
    unsynced_bytes: usize,
    /// New places of awaited frames that a failed sync made us write again.
    moved: BTreeMap<u64, Position>,
    /// Some thread is syncing; the others wait for it.
    syncing: bool,
    /// Why nothing more can be appended.
    stopped: Option<String>,
}

struct Unsynced {
    payload: Vec<u8>,
    /// The caller waits for this frame and will ask for its place.
    awaited: bool,
}

/// Frames of a batch are written so many bytes at a time.
const CHUNK: usize = 1 << 20;

type Guard<'a> = MutexGuard<'a, State>;

impl Journal {
    /// Opens the journal in `dir`, or begins one there, and returns what it holds.
    ///
    /// A torn tail is cut off and reported. Damage in the middle is an error, and nothing is changed: [`read_journal`]
    /// returns what can be read. One process at a time can hold a journal open.
    ///
    /// [`read_journal`]: crate::read_journal
    pub fn open(dir: &Path, disk: Arc<dyn Disk>) -> Result<(Self, Replay), StoreError> {
        replace::finish(dir, &*disk)?;
        make_dir(dir, &*disk)?;
        let lock = Some(Lock::take(dir)?);
        let mut frames = Vec::new();
        let visit = &mut |_, payload: &[u8]| frames.push(payload.to_vec());
        let (journal, recovery) = Self::open_locked(dir, disk, Limits::default(), lock, visit)?;
        Ok((journal, Replay { frames, recovery }))
    }

    /// The same for one who has seen to the lock, showing the frames one by one.
    pub(crate) fn open_locked(
        dir: &Path,
        disk: Arc<dyn Disk>,
        limits: Limits,
        lock: Option<Lock>,
        visit: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<(Self, Recovery), StoreError> {
        make_dir(dir, &*disk)?;
        let scan = refuse_damage(scan::scan(dir, visit)?)?;
        let mut recovery = Recovery::default();
        let (segment, end, file) = mend(dir, &*disk, &scan, &mut recovery)?;
        recovery.notes.extend(scan.notes);
        let state = State {
            file,
            segment,
            end,
            synced: end,
            written: 0,
            durable: 0,
            unsynced: VecDeque::new(),
            unsynced_bytes: 0,
            moved: BTreeMap::new(),
            syncing: false,
            stopped: None,
        };
        let dir = dir.to_path_buf();
        let (state, settled) = (Mutex::new(state), Condvar::new());
        Ok((Self { dir, disk, limits, state, settled, _lock: lock }, recovery))
    }

    /// Hands the payload to the system: it survives the end of this process, and a loss of power only after the next
    /// [`sync`](Self::sync). After an error nobody may count on it.
    pub fn append(&self, payload: &[u8]) -> Result<(), StoreError> {
        let (state, number) = self.write(self.lock(), &[payload], false, &mut Vec::new())?;
        if state.unsynced_bytes > self.limits.unsynced_bytes {
            drop(self.settle(state, number)?);
        }
        Ok(())
    }

    /// Appends, and returns when the payload survives a loss of power. Callers at the same time share one sync.
    pub fn append_durably(&self, payload: &[u8]) -> Result<(), StoreError> {
        self.append_awaited(&[payload]).map(|_| ())
    }

    /// Returns when everything appended so far survives a loss of power.
    pub fn sync(&self) -> Result<(), StoreError> {
        let state = self.lock();
        let written = state.written;
        self.settle(state, written).map(|_| ())
    }

    /// [`append_durably`](Self::append_durably) with one sync for all payloads, and where their frames ended up.
    pub(crate) fn append_awaited(&self, payloads: &[impl AsRef<[u8]>]) -> Result<Vec<Position>, StoreError> {
        let mut placed = Vec::with_capacity(payloads.len());
        let (state, number) = self.write(self.lock(), payloads, true, &mut placed)?;
        let mut state = self.settle(state, number)?;
        let place = |(number, position)| state.moved.remove(&number).unwrap_or(position);
        Ok(placed.into_iter().map(place).collect())
    }

    pub(crate) fn read(&self, position: Position) -> Result<Vec<u8>, String> {
        scan::read_frame(&self.dir, position)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame for each payload; returns the number of the last one, and adds number and place of each.
    fn write<'a>(
        &'a self,
        mut state: Guard<'a>,
        payloads: &[impl AsRef<[u8]>],
        awaited: bool,
        placed: &mut Vec<(u64, Position)>,
    ) -> Result<(Guard<'a>, u64), StoreError> {
        let too_long =
            payloads.iter().map(|payload| payload.as_ref().len()).find(|bytes| *bytes > MAX_PAYLOAD);
        if let Some(bytes) = too_long {
            return Err(StoreError::TooLong { bytes, limit: MAX_PAYLOAD });
        }
        let mut rest = payloads;
        while !rest.is_empty() {
            state = self.make_room(state)?;
            let count = self.write_some(&mut state, rest, awaited, placed)?;
            rest = &rest[count..];
        }
        let number = state.written;
        Ok((state, number))
    }

    /// Writes as many frames as the segment has room for, at least one, by one call of the disk; returns how many.
    fn write_some(
        &self,
        state: &mut State,
        payloads: &[impl AsRef<[u8]>],
        awaited: bool,
        placed: &mut Vec<(u64, Position)>,
    ) -> Result<usize, StoreError> {
        let (segment, mut bytes, mut places) = (state.segment, Vec::new(), Vec::new());
        for payload in payloads {
            let (payload, offset) = (payload.as_ref(), state.end + bytes.len() as u64);
            if !places.is_empty() && (offset >= self.limits.segment_bytes || bytes.len() >= CHUNK) {
                break;
            }
            places.push(Position { segment, offset, bytes: payload.len() as u32 });
            frame::encode_into(&mut bytes, segment, offset, payload);
        }
        if let Err(error) = state.file.write_at(&bytes, state.end) {
            // If this fails too, the next frame overwrites the debris, or opening cuts it off.
            let _ = state.file.truncate(state.end);
            return Err(StoreError::disk("write", &scan::segment_path(&self.dir, segment), error));
        }
        state.end += bytes.len() as u64;
        for (payload, position) in payloads.iter().zip(&places) {
            state.remember(payload.as_ref(), awaited);
            placed.push((state.written, *position));
        }
        Ok(places.len())
    }

    /// A state in which the next frame may be written: not stopped, and in a segment that is not full.
    fn make_room<'a>(&'a self, mut state: Guard<'a>) -> Result<Guard<'a>, StoreError> {
        loop {
            if let Some(why) = &state.stopped {
                return Err(StoreError::Stopped { dir: self.dir.clone(), why: why.clone() });
            }
            if state.end < self.limits.segment_bytes.max(HEADER + 1) {
                return Ok(state);
            }
            if state.durable == state.written {
                let next = state.segment + 1;
                state.file = begin_segment(&self.dir, &*self.disk, next, state.end)?;
                (state.segment, state.end, state.synced) = (next, HEADER, HEADER);
            } else {
                // A segment is sealed by a sync before the next one begins.
                let written = state.written;
                state = self.settle(state, written)?;
            }
        }
    }

    /// Returns when frame `number` is durable: by the sync of another thread, or by one of its own that takes along
    /// whatever was written meanwhile.
    fn settle<'a>(&'a self, mut state: Guard<'a>, number: u64) -> Result<Guard<'a>, StoreError> {
        while state.durable < number {
            if let Some(why) = &state.stopped {
                return Err(StoreError::Stopped { dir: self.dir.clone(), why: why.clone() });
            }
            state = if state.syncing {
                self.settled.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.sync_once(state)
            };
        }
        Ok(state)
    }

    /// One sync, with the state free for others to append meanwhile.
    fn sync_once<'a>(&'a self, mut state: Guard<'a>) -> Guard<'a> {
        state.syncing = true;
        let (file, number, end) = (state.file.clone(), state.written, state.end);
        drop(state);
        let result = file.sync();
        let mut state = self.lock();
        state.syncing = false;
        match result {
            Ok(()) => state.mark_durable(number, end),
            Err(error) => self.move_on(&mut state, &error),
        }
        self.settled.notify_all();
        state
    }

    /// After a failed sync nothing written since the last good one is trusted, not even if a second sync succeeds: the
    /// system may have dropped the pages. All of it goes into a new segment, or the journal stops.
    fn move_on(&self, state: &mut State, cause: &io::Error) {
        if let Err(error) = self.rewrite_unsynced(state) {
            let path = scan::segment_path(&self.dir, state.segment);
            state.stopped =
                Some(format!("{} could not be synced ({cause}), and then: {error}", path.display()));
        }
    }

    fn rewrite_unsynced(&self, state: &mut State) -> Result<(), StoreError> {
        let next = state.segment + 1;
        let file = begin_segment(&self.dir, &*self.disk, next, state.synced)?;
        let failed = |what| {
            let path = scan::segment_path(&self.dir, next);
            move |error| StoreError::disk(what, &path, error)
        };
        let (mut end, mut moved) = (HEADER, Vec::new());
        for (number, frame) in (state.durable + 1..).zip(&state.unsynced) {
            let bytes = frame::encode(next, end, &frame.payload);
            file.write_at(&bytes, end).map_err(failed("write"))?;
            if frame.awaited {
                moved.push((
                    number,
                    Position { segment: next, offset: end, bytes: frame.payload.len() as u32 },
                ));
            }
            end += bytes.len() as u64;
        }
        file.sync().map_err(failed("sync"))?;
        state.moved.extend(moved);
        (state.file, state.segment, state.end) = (file, next, end);
        state.mark_durable(state.written, end);
        Ok(())
    }
}

impl State {
    /// Counts a frame that was written, and keeps its payload until it is durable.
    fn remember(&mut self, payload: &[u8], awaited: bool) {
        self.written += 1;
        self.unsynced_bytes += payload.len();
        self.unsynced.push_back(Unsynced { payload: payload.to_vec(), awaited });
    }

    fn mark_durable(&mut self, number: u64, end: u64) {
        let settled = usize::try_from(number - self.durable).unwrap_or(usize::MAX).min(self.unsynced.len());
        let freed: usize = self.unsynced.drain(..settled).map(|frame| frame.payload.len()).sum();
        self.unsynced_bytes -= freed;
        (self.durable, self.synced) = (number, end);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Nobody waits for these frames; one who cares has called `sync`.
        let _ = self.sync();
    }
}

/// Creates the directory and those it lies in, as far as needed, and makes their names durable.
///
/// The name of a directory that is there too: whoever created it may have been stopped before this was done.
pub fn make_dir(dir: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.is_dir();
    let made: Vec<_> = dir.ancestors().take_while(missing).collect();
    std::fs::create_dir_all(dir).map_err(|error| StoreError::disk("create", dir, error))?;
    let named = if made.is_empty() { vec![dir] } else { made.clone() };
    for parent in named.into_iter().map(parent) {
        match disk.sync_dir(parent) {
            // Of a directory that somebody else made in one that we may not read.
            Err(error) if made.is_empty() && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced.map_err(|error| StoreError::disk("sync", parent, error))?,
        }
    }
    Ok(())
}

/// The directory that this name is in.
pub(crate) fn parent(dir: &Path) -> &Path {
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(crate) fn refuse_damage(mut scan: Scan) -> Result<Scan, StoreError> {
    if scan.damages.is_empty() {
        return Ok(scan);
    }
    let damage = scan.damages.remove(0);
    Err(StoreError::Damaged { damage, others: scan.damages.len(), intact: scan.frames })
}

/// Cuts off what a crash left behind, and returns the segment to go on with, durable up to its end.
fn mend(
    dir: &Path,
    disk: &dyn Disk,
    scan: &Scan,
    recovery: &mut Recovery,
) -> Result<(u64, u64, Arc<dyn DiskFile>), StoreError> {
    let (segment, end) = scan.last.unwrap_or((0, 0));
    if scan.torn_bytes > 0 {
        let name = scan::file_name(segment);
        recovery.torn_bytes = scan.torn_bytes;
        recovery.note(format!(
            "cut {} bytes off {name} at byte {end}: a write that was interrupted",
            scan.torn_bytes
        ));
    }
    if scan.last.is_none() || scan.stub.is_some() {
        if scan.last.is_some() {
            // Read, and therefore to be kept: only now are its frames known to be on the disk.
            sync_segment(dir, disk, segment, scan.torn_bytes, end)?;
        }
        let number = scan.stub.unwrap_or(segment + 1);
        return Ok((number, HEADER, begin_segment(dir, disk, number, end)?));
    }
    Ok((segment, end, sync_segment(dir, disk, segment, scan.torn_bytes, end)?))
}

fn sync_segment(
    dir: &Path,
    disk: &dyn Disk,
    segment: u64,
    torn_bytes: u64,
    end: u64,
) -> Result<Arc<dyn DiskFile>, StoreError> {
    let path = scan::segment_path(dir, segment);
    let file = disk.open(&path).map_err(|error| StoreError::disk("open", &path, error))?;
    if torn_bytes > 0 {
        file.truncate(end).map_err(|error| StoreError::disk("cut the torn tail of", &path, error))?;
    }
    file.sync().map_err(|error| StoreError::disk("sync", &path, error))?;
    disk.sync_dir(dir).map_err(|error| StoreError::disk("sync", dir, error))?;
    Ok(file)
}

/// A new segment whose header and name are durable. Frames come after that: [`scan::scan`] relies on it.
fn begin_segment(
    dir: &Path,
    disk: &dyn Disk,
    segment: u64,
    previous_end: u64,
) -> Result<Arc<dyn DiskFile>, StoreError> {
    let path = scan::segment_path(dir, segment);
    let failed = |what| {
        let path = &path;
        move |error| StoreError::disk(what, path, error)
    };
    let file = disk.create(&path).map_err(failed("create"))?;
    file.write_at(&Header { segment, previous_end }.encode(), 0).map_err(failed("write"))?;
    file.sync().map_err(failed("sync"))?;
    disk.sync_dir(dir).map_err(|error| StoreError::disk("sync", dir, error))?;
    Ok(file)
}

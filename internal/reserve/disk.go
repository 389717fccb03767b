package reserve

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pullpass/pullpass"
)

// FileName is the name of the file that takes the room.
const FileName = "pullpass.reserve"

// Off is the size of a reserve that there is not.
const Off int64 = -1

// How large a reserve is that nobody has said the size of: a part of the file system,
// within bounds. The least holds SQLite's log and thousands of records.
const (
	least = 8 << 20
	most  = 64 << 20
	part  = 64
)

// A disk fills up when less than four reserves are left, or less than a 20th of it
// and of 2 GiB.
const (
	lowPart = 20
	lowMost = 2 << 30
)

// Options of a reserve; zero values mean the defaults.
type Options struct {
	Size   int64 // bytes; 0: a 64th of the file system, from 8 to 64 MiB
	Logger *slog.Logger
	// Space reports the bytes of the file system that holds dir: what this process
	// may still write, and all. Nil asks the operating system.
	Space func(dir string) (free, total int64, err error)
}

// Level is how full a disk is.
type Level int

// The levels.
const (
	Plenty   Level = iota
	Low            // it fills up: somebody should look
	Reserved       // what is left is for what must not fail
)

// State is how it stands with a disk; all in bytes.
type State struct {
	Level Level
	Free  int64 // what may be written, the reserve not counted
	Kept  int64 // what the reserve holds now
	Size  int64 // what it is to hold
	Total int64 // the whole file system
}

// Disk is the file system of a directory, with a reserve. It is safe for concurrent
// use. A nil Disk, or one whose size is Off, has room for everything.
type Disk struct {
	dir   string
	log   *slog.Logger
	space func(string) (free, total int64, err error)

	mu     sync.Mutex
	file   *os.File
	state  State
	failed bool // the file system does not say how full it is
}

// Open makes the reserve in dir, or takes the one that is there. On a disk that is
// full already it holds less, or nothing.
func Open(dir string, o Options) (*Disk, error) {
	d := &Disk{dir: dir, log: o.Logger, space: o.Space, state: State{Size: o.Size}}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.space == nil {
		d.space = space
	}
	path := filepath.Join(dir, FileName)
	if o.Size == Off {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return d, nil
	}
	_, total, err := d.space(dir)
	if err != nil {
		// No reason not to serve: there is no reserve then, and the log says so.
		d.log.Warn("the file system does not say how full it is: no room is kept for issuing", "directory", dir, "error", err)
		d.state.Size = Off
		return d, nil
	}
	if d.state.Size == 0 {
		d.state.Size = min(max(total/part, least), most)
	}
	if d.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	info, err := d.file.Stat()
	if err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	if d.state.Kept = info.Size(); d.state.Kept > d.state.Size { // it is to be smaller than it was
		if err := d.shrink(d.state.Size); err != nil {
			return nil, errors.Join(err, d.file.Close())
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	return d, nil
}

// Close lets go of the file, which stays.
func (d *Disk) Close() error {
	if d == nil || d.file == nil {
		return nil
	}
	return d.file.Close()
}

// State looks at the disk.
func (d *Disk) State() State {
	if d == nil || d.file == nil {
		return State{Size: Off}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	return d.state
}

// Room returns an error of kind Unavailable where what is left is kept for what must
// not fail. Writes that can wait ask it first.
func (d *Disk) Room() error {
	if d == nil || d.file == nil || d.State().Level != Reserved {
		return nil
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: pullpass.CodeDiskReserved, What: "cannot write this now",
		Cause: "the disk of the database is almost full; what is left is kept for issuing credentials and for deleting",
		Hint:  "make room on the server's disk; it then goes on by itself",
	}
}

// Ensure sees that a small write fits, with room of the reserve where it would not.
func (d *Disk) Ensure() {
	if d == nil || d.file == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	step := d.state.Size / 4
	if d.failed || d.state.Free >= step || d.state.Kept == 0 {
		return
	}
	// Not more than is needed: somebody else may be filling the disk as well.
	if err := d.shrink(max(0, d.state.Kept-(step-d.state.Free))); err != nil {
		d.log.Error("the reserve on the disk cannot be used", "error", err)
		return
	}
	d.look()
	d.log.Warn("room that was kept on the disk is used", "kept", d.state.Kept, "size", d.state.Size)
}

// Run looks at the disk every ten seconds, so that somebody is told who asks for
// nothing, until ctx ends.
func (d *Disk) Run(ctx context.Context) {
	const every = 10 * time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.State()
		}
	}
}

// look finds out the level, fills the reserve where there is room for it, and logs
// what has changed.
func (d *Disk) look() {
	free, total, err := d.space(d.dir)
	if d.failed = err != nil; d.failed {
		return // as it was: refusing everybody would be worse
	}
	d.state.Total = total
	// It grows only where that leaves as much again: it is not what fills the disk.
	if missing := d.state.Size - d.state.Kept; missing > 0 && free >= missing+d.state.Size {
		err := allocate(d.file, d.state.Kept, d.state.Size)
		switch {
		case err == nil:
			d.state.Kept, free = d.state.Size, free-missing
		case !isFull(err): // then it never will be, and that is no reason to refuse anything
			d.log.Error("no room can be kept on the disk", "error", err)
			d.state.Size, d.state.Kept = 0, 0
		}
	}
	d.state.Free = free
	before := d.state.Level
	d.state.Level = d.level(before)
	if d.state.Level != before {
		d.say()
	}
}

// level has a little play, so that it does not go back and forth.
func (d *Disk) level(before Level) Level {
	s := d.state
	low := max(4*s.Size, min(s.Total/lowPart, lowMost))
	if before != Plenty {
		low += low / 4
	}
	switch {
	case s.Kept < s.Size, s.Free < s.Size/2:
		return Reserved
	case s.Free < low:
		return Low
	}
	return Plenty
}

func (d *Disk) say() {
	fields := []any{"directory", d.dir, "free", d.state.Free, "kept", d.state.Kept}
	switch d.state.Level {
	case Plenty:
		d.log.Info("the disk has room again", fields...)
	case Low:
		d.log.Warn("the disk fills up", fields...)
	case Reserved:
		d.log.Error("the disk is almost full: only what issuing credentials needs is written, and what deletes", fields...)
	}
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func (d *Disk) shrink(to int64) error {
	if err := d.file.Truncate(to); err != nil {
		return err
	}
	d.state.Kept = to
	return nil
}

package reserve

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

const mib = 1 << 20

// world is a file system of which others have taken a part: the reserve is what its
// file is long.
type world struct {
	t      *testing.T
	dir    string
	total  int64
	others int64
	log    bytes.Buffer
	err    error
}

func (w *world) space(string) (free, total int64, err error) {
	var kept int64
	if info, err := os.Stat(filepath.Join(w.dir, FileName)); err == nil {
		kept = info.Size()
	}
	return max(0, w.total-w.others-kept), w.total, w.err
}

func (w *world) open(size int64) *Disk {
	w.t.Helper()
	d, err := Open(w.dir, Options{Size: size, Space: w.space, Logger: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.Close() })
	return d
}

func newWorld(t *testing.T) *world { return &world{t: t, dir: t.TempDir(), total: 1024 * mib} }

func (w *world) want(d *Disk, level Level, kept int64) {
	w.t.Helper()
	if s := d.State(); s.Level != level || s.Kept != kept {
		w.t.Errorf("with %d MiB taken: level %d, %d MiB kept, want %d and %d", w.others/mib, s.Level, s.Kept/mib, level, kept/mib)
	}
	err := d.Room()
	if refused := pullpass.CodeOf(err) == pullpass.CodeDiskReserved; refused != (level == Reserved) || !refused && err != nil {
		w.t.Errorf("level %d: Room says %v", level, err)
	}
}

// A disk that others fill: first a warning, then ordinary writes are refused, then the
// reserve is used piece by piece, and with room again all is as before.
func TestDiskFillsUp(t *testing.T) {
	w := newWorld(t)
	d := w.open(16 * mib)
	w.want(d, Plenty, 16*mib)
	w.others = 950 * mib // 58 are left
	w.want(d, Low, 16*mib)
	w.others = 1001 * mib // 7
	w.want(d, Reserved, 16*mib)
	d.Ensure()
	w.want(d, Reserved, 16*mib) // they suffice
	w.others = 1008 * mib       // none: but for the reserve the disk is full
	d.Ensure()
	w.want(d, Reserved, 12*mib)
	d.Ensure()
	w.want(d, Reserved, 12*mib) // what was given is still there
	for i, kept := range []int64{8, 4, 0, 0} {
		w.others = 1012*mib + int64(i)*4*mib // somebody took it
		d.Ensure()
		w.want(d, Reserved, kept*mib)
	}
	if s := d.State(); s.Free != 0 {
		t.Errorf("%d bytes are free, want none", s.Free)
	}
	w.others = 1000 * mib // 24: not enough for the reserve and as much again
	w.want(d, Reserved, 0)
	w.others = 900 * mib
	w.want(d, Plenty, 16*mib)
	for _, said := range []string{"fills up", "almost full", "room that was kept", "has room again"} {
		if !strings.Contains(w.log.String(), said) {
			t.Errorf("the log does not say %q:\n%s", said, w.log.String())
		}
	}
	if n := strings.Count(w.log.String(), "almost full"); n != 1 {
		t.Errorf("the log says %d times that the disk is almost full", n)
	}
}

// A disk at the edge of a level is not announced again and again.
func TestLevelHasPlay(t *testing.T) {
	w := newWorld(t)
	d := w.open(16 * mib)
	for range 10 {
		w.others = 945 * mib // 63 of 64
		w.want(d, Low, 16*mib)
		w.others = 943 * mib
		w.want(d, Low, 16*mib)
	}
	if n := strings.Count(w.log.String(), "msg="); n != 1 {
		t.Errorf("%d lines for one state:\n%s", n, w.log.String())
	}
}

// The reserve of before is taken over, also on a full disk.
func TestReopen(t *testing.T) {
	w := newWorld(t)
	d := w.open(16 * mib)
	w.others = 1008 * mib
	d.Ensure()
	_ = d.Close()
	w.want(w.open(16*mib), Reserved, 12*mib)
	w.others = 0
	w.want(w.open(16*mib), Plenty, 16*mib)
	w.want(w.open(8*mib), Plenty, 8*mib) // it was made smaller
	if d := w.open(Off); d.Room() != nil || d.State().Size != Off {
		t.Error("a reserve that is off refuses")
	}
	if _, err := os.Stat(filepath.Join(w.dir, FileName)); !os.IsNotExist(err) {
		t.Errorf("the file of a reserve that is off: %v, want none", err)
	}
}

// A file system that does not say how full it is refuses nothing.
func TestUnknownSpace(t *testing.T) {
	w := newWorld(t)
	w.err = os.ErrInvalid
	if d := w.open(0); d.Room() != nil {
		t.Error("it refuses")
	}
	w.err = nil
	d := w.open(0)
	w.want(d, Plenty, 16*mib) // a 64th
	w.err, w.others = os.ErrInvalid, w.total
	w.want(d, Plenty, 16*mib)
}

// The room is taken for real, and given back.
func TestRoomIsReal(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, Options{Size: 8 * mib})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if s := d.State(); s.Size == Off || s.Kept == 0 {
		t.Skipf("no reserve is kept on this file system: %+v", s)
	}
	if taken := blocks(t, filepath.Join(dir, FileName)); taken < 8*mib {
		t.Errorf("the file takes %d bytes, want %d", taken, 8*mib)
	}
	d.mu.Lock()
	err = d.shrink(2 * mib)
	d.mu.Unlock()
	if taken := blocks(t, filepath.Join(dir, FileName)); err != nil || taken > 3*mib {
		t.Errorf("the file takes %d bytes after it shrank (%v)", taken, err)
	}
}

// Without a disk of ours there is always room.
func TestNoDisk(t *testing.T) {
	var d *Disk
	d.Ensure()
	if d.Room() != nil || d.State().Size != Off || d.Close() != nil {
		t.Error("a nil Disk refuses")
	}
}

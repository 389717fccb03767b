package reserve

import "os"

// write fills the file from one size to another, for systems that cannot be told to
// take room.
func write(f *os.File, from, to int64) error {
	zeros := make([]byte, 1<<20)
	for at := from; at < to; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-at)], at); err != nil {
			_ = f.Truncate(from)
			return err
		}
	}
	return f.Sync()
}

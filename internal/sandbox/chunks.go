package sandbox

import (
	"errors"
	"io"
)

const chunkSize = 1 << 20

// chunks are the bytes of a layer of unknown size, held without the copies
// that growing one slice would make: layers are hundreds of megabytes.
type chunks [][]byte

// Write implements io.Writer.
func (c *chunks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		last := len(*c) - 1
		if last < 0 || len((*c)[last]) == chunkSize {
			*c = append(*c, make([]byte, 0, chunkSize))
			last++
		}
		n := min(len(rest), chunkSize-len((*c)[last]))
		(*c)[last] = append((*c)[last], rest[:n]...)
		rest = rest[n:]
	}
	return len(p), nil
}

// ReadAt implements io.ReaderAt. All chunks but the last one are full.
func (c chunks) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	read := 0
	for read < len(p) {
		i, in := off/chunkSize, off%chunkSize
		if i >= int64(len(c)) || in >= int64(len(c[i])) {
			return read, io.EOF
		}
		n := copy(p[read:], c[i][in:])
		read += n
		off += int64(n)
	}
	return read, nil
}

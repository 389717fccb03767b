package sandbox

import (
	"errors"
	"io"
)

const chunkSize = 1 << 20

// chunks are the bytes of a layer of unknown size, held without the copies
// that growing one slice would make: layers are hundreds of megabytes.
type chunks [][]byte

// readChunks reads r to its end.
func readChunks(r io.Reader) (chunks, int64, error) {
	var list chunks
	var size int64
	for {
		chunk := make([]byte, chunkSize)
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			list = append(list, chunk[:n:n])
			size += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return list, size, nil
		case err != nil:
			return nil, 0, err
		}
	}
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

package parts

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// applets are the commands of busybox that the image has under /bin.
var applets = []string{"cat", "date", "echo", "env", "false", "grep", "id", "kill", "ls", "mkdir", "nc", "rm", "sh", "sleep", "touch", "true", "wget"}

// BusyboxImage makes an image that runs: one layer with Debian's static busybox
// and links for its usual commands. The same command gives the same digest.
func BusyboxImage(t testing.TB, cmd ...string) v1.Image {
	t.Helper()
	path := Command(t, "busybox")
	if dynamic(path) {
		missing(t, "busybox", path+" is not static", "on Debian: "+install("busybox"))
	}
	layer, err := busyboxLayer(path)
	if err != nil {
		t.Fatalf("packing %s: %v", path, err)
	}
	image, err := Image(layer, cmd...)
	if err != nil {
		t.Fatalf("making an image: %v", err)
	}
	return image
}

// Image makes an image for this machine's architecture of one uncompressed tar layer.
func Image(layer []byte, cmd ...string) (v1.Image, error) {
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer)), nil }
	packed, err := tarball.LayerFromOpener(opener)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, packed)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{Cmd: cmd, Env: []string{"PATH=/bin"}, WorkingDir: "/"}
	return mutate.ConfigFile(image, file)
}

// busyboxLayer holds no times and no owners but root, so that it is reproducible.
func busyboxLayer(path string) ([]byte, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	headers := []tar.Header{
		{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(program))},
	}
	for _, name := range applets {
		headers = append(headers, tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777})
	}
	for i := range headers {
		if err := w.WriteHeader(&headers[i]); err != nil {
			return nil, err
		}
		if headers[i].Typeflag != tar.TypeReg {
			continue
		}
		if _, err := w.Write(program); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("closing the layer: %w", err)
	}
	return layer.Bytes(), nil
}

// dynamic reports whether a program needs a loader, which an image of one file lacks.
func dynamic(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return true
		}
	}
	return false
}

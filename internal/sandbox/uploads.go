package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// uploadLife is how long an upload that nobody goes on with is remembered.
const uploadLife = 24 * time.Hour

// uploads are one repository's layers on their way in, through /v2/ or the API.
type uploads struct {
	blobs *blobStore

	mu   sync.Mutex
	open map[string]*upload
}

// upload is one of them. Its lock is held by whoever appends to it; a second
// one at the same time is refused rather than kept waiting.
type upload struct {
	id      string
	begun   time.Time
	mu      sync.Mutex
	content *spool
	done    bool // its bytes are a layer's now, or gone

	lastPart  int64
	shortPart bool // a part that is not the last one is below minPart
}

func newUploads(blobs *blobStore) *uploads {
	return &uploads{blobs: blobs, open: map[string]*upload{}}
}

var (
	errUploadBusy = errors.New("the upload is being written to")
	errUploadDone = errors.New("blob upload unknown to registry")
	errWrongPlace = errors.New("the part does not begin where the last one ended")
)

// hold takes the upload's lock, if nobody has it and there is still something
// to do.
func (up *upload) hold() error {
	if !up.mu.TryLock() {
		return errUploadBusy
	}
	if up.done {
		up.mu.Unlock()
		return errUploadDone
	}
	return nil
}

// drop ends an upload that is held.
func (up *upload) drop() error {
	up.done = true
	return up.content.discard()
}

func (u *uploads) begin(now time.Time) (*upload, error) {
	content, err := u.blobs.newSpool()
	if err != nil {
		return nil, err
	}
	up := &upload{id: newRequestID(), begun: now, content: content}
	u.mu.Lock()
	defer u.mu.Unlock()
	err = u.forgetAbandoned(now)
	u.open[up.id] = up
	return up, err
}

func (u *uploads) find(id string) *upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.open[id]
}

// forgetAbandoned drops old uploads. The caller holds the lock.
func (u *uploads) forgetAbandoned(now time.Time) error {
	var errs []error
	for id, up := range u.open {
		if now.Sub(up.begun) > uploadLife && up.hold() == nil {
			errs = append(errs, up.drop())
			up.mu.Unlock()
			delete(u.open, id)
		}
	}
	return errors.Join(errs...)
}

// cancel drops an upload.
func (u *uploads) cancel(up *upload) error {
	if err := up.hold(); err != nil {
		return err
	}
	defer up.mu.Unlock()
	u.remove(up)
	return up.drop()
}

func (u *uploads) remove(up *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, up.id)
}

// clear drops all of them, with their repository.
func (u *uploads) clear() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var errs []error
	for id, up := range u.open {
		delete(u.open, id)
		if up.hold() == nil {
			errs = append(errs, up.drop())
			up.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// hasShortPart reports whether a part before the last one is too small for S3,
// which keeps what comes through the API.
func (up *upload) hasShortPart() bool {
	if up.hold() != nil {
		return false
	}
	defer up.mu.Unlock()
	return up.shortPart
}

// finish ends an upload: its bytes become a layer if they are what one of the
// digests says, and are dropped if not.
func (u *uploads) finish(up *upload, digests ...string) (v1.Hash, *registryError) {
	if err := up.hold(); err != nil {
		return v1.Hash{}, uploadRefusal(err)
	}
	defer up.mu.Unlock()
	u.remove(up)
	got := up.content.digest()
	for _, digest := range digests {
		if want, err := v1.NewHash(digest); err != nil || want != got {
			continue
		}
		up.done = true
		if err := u.blobs.keep(up.content); err != nil {
			return got, uploadRefusal(err)
		}
		return got, nil
	}
	if err := up.drop(); err != nil {
		return got, uploadRefusal(err)
	}
	return got, &registryError{http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"}
}

// size is how much has arrived; 0 while more is arriving.
func (up *upload) size() int64 {
	if up.hold() != nil {
		return 0
	}
	defer up.mu.Unlock()
	return up.content.size
}

// add appends a part. With first < 0 it goes where the last one ended. What
// arrived before an error stays: clients ask how far it came, and go on.
func (up *upload) add(first int64, r io.Reader) (int64, error) {
	if err := up.hold(); err != nil {
		return 0, err
	}
	defer up.mu.Unlock()
	if first >= 0 && first != up.content.size {
		return up.content.size, errWrongPlace
	}
	up.shortPart = up.shortPart || up.content.size > 0 && up.lastPart < minPart
	n, err := io.Copy(up.content, r)
	up.lastPart = n
	if err != nil {
		return up.content.size, fmt.Errorf("receiving a layer: %w", err)
	}
	return up.content.size, nil
}

// uploadRefusal turns an upload's error into the registry's words.
func uploadRefusal(err error) *registryError {
	switch {
	case errors.Is(err, errWrongPlace):
		return &registryError{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", err.Error()}
	case errors.Is(err, errUploadDone):
		return &registryError{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", err.Error()}
	case errors.Is(err, errUploadBusy):
		return &registryError{http.StatusConflict, "BLOB_UPLOAD_INVALID", err.Error()}
	}
	return &registryError{http.StatusInternalServerError, "UNKNOWN", "the layer could not be stored"}
}

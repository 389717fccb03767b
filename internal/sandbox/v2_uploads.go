package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// upload serves a layer's way in: POST begins, PATCH appends, PUT ends; GET
// tells how far it came, DELETE gives it up.
func (h *registryHandler) upload(w http.ResponseWriter, r *http.Request, repo *repository, req v2Request) *registryError {
	uploads := repo.store.uploads
	if r.Method == http.MethodPost {
		return h.beginUpload(w, r, repo)
	}
	up := uploads.find(req.reference)
	if up == nil {
		return uploadRefusal(errUploadDone)
	}
	switch r.Method {
	case http.MethodPatch, http.MethodPut:
		if err := appendPart(w, r, repo, up); err != nil {
			return err
		}
		if r.Method == http.MethodPut {
			return finishUpload(w, r, repo, up)
		}
		w.WriteHeader(http.StatusAccepted)
	case http.MethodGet:
		tellProgress(w, repo, up, up.size())
		w.WriteHeader(http.StatusNoContent)
	case http.MethodDelete:
		if err := uploads.cancel(up); err != nil {
			return uploadRefusal(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// appendPart takes a part, which may say where it begins: out of order it is
// refused, and the client is told how far the upload came.
func appendPart(w http.ResponseWriter, r *http.Request, repo *repository, up *upload) *registryError {
	first, ok := firstByte(r.Header.Get("Content-Range"))
	if !ok {
		return &registryError{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "Content-Range is written 0-1023"}
	}
	size, err := up.add(first, r.Body)
	tellProgress(w, repo, up, size)
	if err != nil {
		return uploadRefusal(err)
	}
	return nil
}

// beginUpload also takes a whole layer at once, where the digest is given. A
// layer of another repository is never mounted: the client then uploads it.
func (h *registryHandler) beginUpload(w http.ResponseWriter, r *http.Request, repo *repository) *registryError {
	up, err := repo.store.uploads.begin(h.box.now())
	if err != nil {
		return uploadRefusal(err)
	}
	if !r.URL.Query().Has("digest") {
		tellProgress(w, repo, up, 0)
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	if _, err := up.add(-1, r.Body); err != nil {
		return uploadRefusal(errors.Join(err, repo.store.uploads.cancel(up)))
	}
	return finishUpload(w, r, repo, up)
}

func finishUpload(w http.ResponseWriter, r *http.Request, repo *repository, up *upload) *registryError {
	digest, refusal := repo.store.uploads.finish(up, r.URL.Query().Get("digest"))
	if refusal != nil {
		return refusal
	}
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("Location", "/v2/"+repo.name+"/blobs/"+digest.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}

func tellProgress(w http.ResponseWriter, repo *repository, up *upload, size int64) {
	w.Header().Set("Location", "/v2/"+repo.name+"/blobs/uploads/"+up.id)
	w.Header().Set("Docker-Upload-Uuid", up.id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
}

// firstByte reads where a part begins; -1 where it does not say.
func firstByte(contentRange string) (int64, bool) {
	if contentRange == "" {
		return -1, true
	}
	from, _, _ := strings.Cut(strings.TrimPrefix(contentRange, "bytes "), "-")
	first, err := strconv.ParseInt(from, 10, 64)
	return first, err == nil && first >= 0
}

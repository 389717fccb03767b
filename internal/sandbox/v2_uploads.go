package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// appendPart takes a part, which may say where it begins: out of order it is
// refused, and the client is told how far the upload came.
func appendPart(w http.ResponseWriter, r *http.Request, repo *repository, up *upload) *registryError {
	first, ok := firstByte(r.Header.Get("Content-Range"))
	if !ok {
		return &registryError{
			http.StatusRequestedRangeNotSatisfiable,
			"BLOB_UPLOAD_INVALID",
			"Content-Range is written 0-1023",
		}
	}
	size, err := up.add(first, r.Body)
	tellProgress(w, repo, up, size)
	if err != nil {
		return uploadRefusal(err)
	}
	return nil
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

package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// v2Answer is what a reading request of /v2/ gets.
type v2Answer struct {
	contentType string
	digest      string // of a manifest
	link        string // to the next page
	filtered    bool   // by artifact type
	body        []byte
}

func (a *v2Answer) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.digest != "" {
		h.Set("Docker-Content-Digest", a.digest)
	}
	if a.link != "" {
		h.Set("Link", "<"+a.link+`>; rel="next"`)
	}
	if a.filtered {
		h.Set("Oci-Filters-Applied", "artifactType")
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the caller is gone when this fails
	}
}

// pageSize reads n, which ECR hands to its API: at most 1,000.
func pageSize(query url.Values, otherwise int) (int, *registryError) {
	if !query.Has("n") {
		return otherwise, nil
	}
	n, err := strconv.Atoi(query.Get("n"))
	if err == nil && n >= 1 && n <= maxPage {
		return n, nil
	}
	bound := "less than or equal to 1000"
	if n < 1 {
		bound = "greater than or equal to 1"
	}
	return 0, &registryError{
		http.StatusBadRequest, "UNSUPPORTED",
		"Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value " + bound + "'",
	}
}

// pageAfter cuts the page of names that follows last, and says how the next one is
// asked for, "" on the last page.
func pageAfter(names []string, path string, query url.Values, size int) (part []string, next string) {
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearch(names, last)
		if found {
			i++
		}
		names = names[i:]
	}
	if len(names) <= size {
		return names, ""
	}
	names = names[:size]
	more := url.Values{"n": {strconv.Itoa(size)}, "last": {names[size-1]}}
	return names, path + "?" + more.Encode()
}

// listTags answers tags/list. Without n a page has ECR's most, 1,000.
func (r *repository) listTags(query url.Values) (*v2Answer, *registryError) {
	size, err := pageSize(query, maxPage)
	if err != nil {
		return nil, err
	}
	tags, next := pageAfter(slices.Sorted(maps.Keys(r.store.tags)), "/v2/"+r.name+"/tags/list", query, size)
	body, _ := json.Marshal(struct { // strings always marshal
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{r.name, append([]string{}, tags...)})
	return &v2Answer{contentType: "application/json; charset=utf-8", link: next, body: body}, nil
}

// referrer describes an image that names another one as its subject.
type referrer struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int               `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

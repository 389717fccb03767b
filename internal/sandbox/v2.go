package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// registryError is a refusal of the distribution protocol.
type registryError struct {
	status  int
	code    string
	message string
}

func (e *registryError) write(w http.ResponseWriter) {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	text, _ := json.Marshal(map[string][]detail{"errors": {{e.code, e.message}}}) // plain strings always marshal
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.status)
	_, _ = w.Write(text)
}

// api says the same in the words of ECR's API.
func (e *registryError) api() *apiError {
	switch e.code {
	case "BLOB_UNKNOWN":
		return badRequest("LayersNotFoundException", "%s", e.message)
	case "MANIFEST_UNKNOWN":
		return badRequest("ReferencedImagesNotFoundException", "%s", e.message)
	case "DIGEST_INVALID":
		return badRequest("InvalidLayerException", "%s", e.message)
	case "BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID":
		return badRequest("UploadNotFoundException", "%s", e.message)
	case "UNKNOWN":
		return apiErrorf(http.StatusInternalServerError, "ServerException", "%s", e.message)
	}
	return errECRParameter("imageManifest", "Invalid image manifest provided")
}

// v2Request is one /v2/ path taken apart.
type v2Request struct {
	name      string // repository
	kind      string // manifests, blobs, uploads, tags, referrers, catalog, base
	reference string
}

// parseV2 takes a path apart from its end, since repository names hold slashes.
func parseV2(path string) (v2Request, bool) {
	rest, ok := strings.CutPrefix(path, "/v2")
	if !ok {
		return v2Request{}, false
	}
	rest = strings.Trim(rest, "/")
	switch rest {
	case "":
		return v2Request{kind: "base"}, true
	case "_catalog":
		return v2Request{kind: "catalog"}, true
	}
	parts := strings.Split(rest, "/")
	n := len(parts)
	last := func(i int) string { return parts[n-i] }
	name := func(i int) string { return strings.Join(parts[:n-i], "/") }
	switch {
	case n >= 4 && last(3) == "blobs" && last(2) == "uploads":
		return v2Request{name(3), "uploads", last(1)}, true
	case n >= 3 && last(2) == "blobs" && last(1) == "uploads":
		return v2Request{name(2), "uploads", ""}, true
	case n >= 3 && last(2) == "tags" && last(1) == "list":
		return v2Request{name(2), "tags", ""}, true
	case n >= 3 && (last(2) == "manifests" || last(2) == "blobs" || last(2) == "referrers"):
		return v2Request{name(2), last(2), last(1)}, true
	}
	return v2Request{}, false
}

// action maps a request to the ECR permission that it needs.
//
// A pull needs no HEAD on a blob: docker, containerd, skopeo and
// go-containerregistry fetch layers with GET. HEAD is how a push asks what is
// there already, hence BatchCheckLayerAvailability, whose absence therefore
// does not break a pull.
func (v v2Request) action(method string) (string, bool) {
	actions := map[string]string{
		"manifests GET":    "ecr:BatchGetImage",
		"manifests HEAD":   "ecr:BatchGetImage",
		"manifests PUT":    "ecr:PutImage",
		"manifests DELETE": "ecr:BatchDeleteImage",
		"blobs GET":        "ecr:GetDownloadUrlForLayer",
		"blobs HEAD":       "ecr:BatchCheckLayerAvailability",
		"uploads POST":     "ecr:InitiateLayerUpload",
		"uploads PATCH":    "ecr:UploadLayerPart",
		"uploads GET":      "ecr:UploadLayerPart", // how far an upload came, and
		"uploads DELETE":   "ecr:UploadLayerPart", // giving it up, belong to it
		"uploads PUT":      "ecr:CompleteLayerUpload",
		"tags GET":         "ecr:ListImages",
		// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
		"referrers GET": "ecr:BatchGetImage",
		"catalog GET":   "ecr:DescribeRepositories",
	}
	action, ok := actions[v.kind+" "+method]
	return action, ok
}

// registryHandler serves /v2/ of one account and region.
type registryHandler struct {
	box      *Sandbox
	registry *registry
}

func (h *registryHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	req, ok := parseV2(r.URL.Path)
	if !ok {
		(&registryError{http.StatusNotFound, "NAME_UNKNOWN", "not found"}).write(w)
		return
	}
	p, refusal := h.authenticate(r)
	if refusal != nil {
		if refusal.status == http.StatusUnauthorized {
			host := registryHost(h.registry.account.id, h.registry.region)
			w.Header().Set("Www-Authenticate", `Basic realm="https://`+host+`/",service="ecr.amazonaws.com"`)
			http.Error(w, "Not Authorized", http.StatusUnauthorized)
			return
		}
		refusal.write(w)
		return
	}
	if req.kind == "base" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, "{}")
		return
	}
	action, ok := req.action(r.Method)
	if !ok {
		(&registryError{http.StatusMethodNotAllowed, "UNSUPPORTED", "The operation is unsupported."}).write(w)
		return
	}
	if done := h.box.disturbRegistry(w, r, h.registry.account.id, action); done {
		return
	}
	if err := h.serve(w, r, p, req, action); err != nil {
		h.box.log.DebugContext(
			r.Context(),
			"registry request refused",
			"action",
			action,
			"repository",
			req.name,
			"code",
			err.code,
		)
		err.write(w)
	}
}

// serve authorizes under the lock and answers outside of it: a slow client must
// not hold up the others.
func (h *registryHandler) serve(
	w http.ResponseWriter,
	r *http.Request,
	p *principal,
	req v2Request,
	action string,
) *registryError {
	switch {
	case req.kind == "catalog":
		return h.catalog(w, r, p, action)
	case action == "ecr:PutImage":
		return h.putManifest(w, r, p, req)
	case action == "ecr:BatchDeleteImage":
		return h.deleteManifest(w, r, p, req)
	}
	repo, found, err := h.admit(r, p, req, action)
	switch {
	case err != nil:
		return err
	case req.kind == "uploads":
		return h.upload(w, r, repo, req)
	case req.kind == "blobs":
		return repo.store.serveBlob(w, r, req.reference, h.box.redirectFrom(r, h.registry.region))
	}
	found.serve(w, r)
	return nil
}

// admit decides on everything but manifests that come and go. What the index
// knows, it reads under the same lock: the answer to a manifest, a list of tags
// or of referrers.
func (h *registryHandler) admit(
	r *http.Request, p *principal, req v2Request, action string,
) (*repository, *v2Answer, *registryError) {
	h.box.state.mu.Lock()
	defer h.box.state.mu.Unlock()
	repo, err := h.authorize(r, p, req, action)
	if err != nil {
		return nil, nil, err
	}
	switch req.kind {
	case "uploads":
		return repo, nil, h.admitWholeUpload(r, p, req)
	case "manifests":
		img := repo.store.find(req.reference)
		if img == nil {
			return nil, nil, &registryError{http.StatusNotFound, "MANIFEST_UNKNOWN", "Requested image not found"}
		}
		img.pulled = h.box.now()
		return repo, img.answer(), nil
	case "tags":
		answer, err := repo.listTags(r.URL.Query())
		return repo, answer, err
	case "referrers":
		answer, err := repo.store.listReferrers(req.reference, r.URL.Query())
		return repo, answer, err
	}
	return repo, nil, nil
}

// admitWholeUpload asks for the permissions of all three steps of an upload where
// one request does all of them.
func (h *registryHandler) admitWholeUpload(r *http.Request, p *principal, req v2Request) *registryError {
	if r.Method != http.MethodPost || !r.URL.Query().Has("digest") {
		return nil
	}
	for _, more := range []string{"ecr:UploadLayerPart", "ecr:CompleteLayerUpload"} {
		if _, err := h.authorize(r, p, req, more); err != nil {
			return err
		}
	}
	return nil
}

func (h *registryHandler) putManifest(
	w http.ResponseWriter,
	r *http.Request,
	p *principal,
	req v2Request,
) *registryError {
	manifest, readErr := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if readErr != nil {
		return &registryError{http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", "manifest is larger than 4 MiB"}
	}
	h.box.state.mu.Lock()
	defer h.box.state.mu.Unlock()
	repo, err := h.authorize(r, p, req, "ecr:PutImage")
	if err != nil {
		return err
	}
	if err := repo.refuseMove(req.reference); err != nil {
		return err
	}
	img, err := repo.store.put(repo.name, req.reference, r.Header.Get("Content-Type"), manifest, h.box.now())
	if err != nil {
		return err
	}
	if img.subject != "" {
		w.Header().Set("Oci-Subject", img.subject)
	}
	w.Header().Set("Docker-Content-Digest", img.digest)
	w.Header().Set("Location", "/v2/"+repo.name+"/manifests/"+img.digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// deleteManifest takes a tag off an image, or the image away, as BatchDeleteImage
// does.
func (h *registryHandler) deleteManifest(
	w http.ResponseWriter,
	r *http.Request,
	p *principal,
	req v2Request,
) *registryError {
	h.box.state.mu.Lock()
	defer h.box.state.mu.Unlock()
	repo, err := h.authorize(r, p, req, "ecr:BatchDeleteImage")
	if err != nil {
		return err
	}
	img, tag := repo.store.find(req.reference), ""
	if img == nil {
		return &registryError{http.StatusNotFound, "MANIFEST_UNKNOWN", "Requested image not found"}
	}
	if req.reference != img.digest {
		tag = req.reference
	}
	if _, failure := repo.deleteImage(img, imageID{img.digest, tag}); failure != nil {
		return &registryError{http.StatusBadRequest, "DENIED", failure.FailureReason}
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// authorize decides and finds the repository.
func (h *registryHandler) authorize(
	r *http.Request,
	p *principal,
	req v2Request,
	action string,
) (*repository, *registryError) {
	q := h.registry.question(p, action, req.name)
	q.request = r
	if err := h.box.decide(q); err != nil {
		return nil, &registryError{http.StatusForbidden, "DENIED", err.message}
	}
	repo := h.registry.repositories[req.name]
	if repo == nil {
		return nil, &registryError{http.StatusNotFound, "NAME_UNKNOWN", h.registry.unknownRepository(req.name).message}
	}
	return repo, nil
}

// authenticate turns the token of a request into the principal that it stands
// for, as that one is now.
func (h *registryHandler) authenticate(r *http.Request) (*principal, *registryError) {
	user, password, ok := r.BasicAuth()
	if !ok || user != "AWS" {
		return nil, &registryError{status: http.StatusUnauthorized}
	}
	b := h.box
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	now := b.now()
	token := b.state.tokens[sha256.Sum256([]byte(password))]
	if token == nil || token.region != h.registry.region {
		// To ECR a token of another region is as garbled as any other text.
		return nil, &registryError{
			http.StatusBadRequest,
			"UNSUPPORTED",
			"Invalid authorization token for this registry and region.",
		}
	}
	if !now.Before(token.expires) {
		return nil, &registryError{
			http.StatusForbidden,
			"DENIED",
			"Your authorization token has expired. Reauthenticate and try again.",
		}
	}
	p, err := b.state.resolve(token.credential, now)
	if err != nil {
		return nil, &registryError{http.StatusForbidden, "DENIED", err.message}
	}
	return p, nil
}

// catalog lists repositories. ECR refuses pages of more than 1,000.
func (h *registryHandler) catalog(w http.ResponseWriter, r *http.Request, p *principal, action string) *registryError {
	size, err := pageSize(r.URL.Query(), defaultPage)
	if err != nil {
		return err
	}
	names, err := h.repositoryNames(r, p, action)
	if err != nil {
		return err
	}
	names, next := pageAfter(names, "/v2/_catalog", r.URL.Query(), size)
	text, _ := json.Marshal(map[string][]string{"repositories": append([]string{}, names...)}) // strings always marshal
	(&v2Answer{contentType: "application/json; charset=utf-8", link: next, body: text}).serve(w, r)
	return nil
}

func (h *registryHandler) repositoryNames(r *http.Request, p *principal, action string) ([]string, *registryError) {
	h.box.state.mu.Lock()
	defer h.box.state.mu.Unlock()
	q := h.registry.listing(p, action)
	q.request = r
	if err := h.box.decide(q); err != nil {
		return nil, &registryError{http.StatusForbidden, "DENIED", err.message}
	}
	return slices.Sorted(maps.Keys(h.registry.repositories)), nil
}

// upload serves a layer's way in: POST begins, PATCH appends, PUT ends; GET
// tells how far it came, DELETE gives it up.
func (h *registryHandler) upload(
	w http.ResponseWriter,
	r *http.Request,
	repo *repository,
	req v2Request,
) *registryError {
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

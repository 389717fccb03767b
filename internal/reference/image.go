package reference

import (
	"encoding/hex"
	"strings"
)

// Image is an image reference in its canonical form: at least one of Tag and
// Digest is set.
type Image struct {
	Host       string // "docker.io", "ghcr.io", "127.0.0.1:5001"
	Repository string // "library/alpine", "team/app"
	Tag        string
	Digest     string // "sha256:…"
}

const (
	maxRepository = 255
	maxTag        = 128
)

const imageHint = "write it as host/repository:tag or host/repository@sha256:digest"

// ParseImage reads a reference as Docker does: what has no host is on Docker
// Hub, what has neither tag nor digest is latest. Unlike Docker it refuses what
// is not canonical rather than repairing it.
func ParseImage(s string) (Image, error) {
	refuse := func(cause string) (Image, error) {
		return Image{}, invalid("the image reference", s, cause, imageHint)
	}
	rest, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest && !ValidDigest(digest) {
		return refuse("what follows @ is not a sha256 or sha512 digest")
	}
	var tag string
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, '/') {
		rest, tag = rest[:colon], rest[colon+1:]
		if !ValidTag(tag) {
			return refuse("the tag is not 1 to 128 letters, digits, underscores, dots and hyphens")
		}
	}
	host, repository := splitHost(rest)
	if reason := refuseName(host); reason != "" {
		return refuse("the host: " + reason)
	}
	host = unalias(host)
	if host == dockerHub && !strings.Contains(repository, "/") {
		repository = "library/" + repository
	}
	if !ValidRepository(repository) {
		return refuse("the repository is not made of lower-case words separated by . _ - and /")
	}
	if host == dockerHub &&
		(isImageID(strings.TrimPrefix(repository, "library/")) || (repository == "library/sha256" && isImageID(tag))) {
		return refuse("64 hexadecimal digits are an image id, which no registry can find")
	}
	if tag == "" && digest == "" {
		tag = "latest"
	}
	return Image{Host: host, Repository: repository, Tag: tag, Digest: digest}, nil
}

// splitHost applies Docker's rule: the first part is a host if it has a dot or
// a colon or is localhost.
func splitHost(s string) (host, repository string) {
	first, rest, ok := strings.Cut(s, "/")
	if ok && (strings.ContainsAny(first, ".:[]") || first == "localhost" || first != strings.ToLower(first)) {
		return first, rest
	}
	return dockerHub, s
}

// String returns the canonical text; ParseImage reads it to the same Image.
func (i Image) String() string {
	s := i.Name()
	if i.Tag != "" {
		s += ":" + i.Tag
	}
	if i.Digest != "" {
		s += "@" + i.Digest
	}
	return s
}

// Name is host and repository.
func (i Image) Name() string { return i.Host + "/" + i.Repository }

// Reference is what a registry is asked for: the digest where there is one.
func (i Image) Reference() string {
	if i.Digest != "" {
		return i.Digest
	}
	return i.Tag
}

// WithDigest returns the image pinned to digest, without its tag.
func (i Image) WithDigest(digest string) Image {
	i.Tag, i.Digest = "", digest
	return i
}

// ValidRepository reports whether s is a repository path of the OCI
// distribution specification.
func ValidRepository(s string) bool {
	if s == "" || len(s) > maxRepository {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if !validPathPart(part) {
			return false
		}
	}
	return true
}

// validPathPart: alphanumeric words joined by one dot, one or two underscores,
// or any number of hyphens.
func validPathPart(s string) bool {
	separator := "."
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			separator = ""
			continue
		}
		if i == 0 || (c != '.' && c != '_' && c != '-') {
			return false
		}
		separator += string(c)
		if separator != "." && separator != "_" && separator != "__" && strings.Trim(separator, "-") != "" {
			return false
		}
	}
	return separator == ""
}

// ValidTag reports whether s can be a tag.
func ValidTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// ValidDigest reports whether s is a digest in its canonical form.
func ValidDigest(s string) bool {
	algorithm, text, ok := strings.Cut(s, ":")
	if !ok {
		return false
	}
	length, known := map[string]int{"sha256": 32, "sha512": 64}[algorithm]
	b, err := hex.DecodeString(text)
	return known && err == nil && len(b) == length && hex.EncodeToString(b) == text
}

func isImageID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

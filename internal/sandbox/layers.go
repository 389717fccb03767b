package sandbox

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pullpass/pullpass/internal/awsname"
)

// layerLife is how long a layer's address stays valid.
const layerLife = time.Hour

// layerStore plays S3's part: presigned addresses on another host, where a
// forwarded Authorization header is an error.
type layerStore struct {
	box *Sandbox
	key []byte
}

// presign returns the address of a layer on base ("http://localhost:4519").
func (s *layerStore) presign(base *url.URL, repository string, digest v1.Hash, now time.Time) string {
	u := *base
	u.Path = "/" + repository + "/" + digest.String()
	date := now.UTC().Format(amzTimeFormat)
	expires := strconv.Itoa(int(layerLife / time.Second))
	u.RawQuery = url.Values{
		"X-Amz-Algorithm":     {signatureAlgorithm},
		"X-Amz-Date":          {date},
		"X-Amz-Expires":       {expires},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature":     {hex.EncodeToString(s.sign(u.Host, u.Path, date, expires))},
	}.Encode()
	return u.String()
}

func (s *layerStore) sign(host, path, date, expires string) []byte {
	return mac(s.key, strings.Join([]string{host, path, date, expires}, "\n"))
}

func (s *layerStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if done := s.box.disturbRegistry(w, r, "", "s3:GetObject"); done {
		return
	}
	if err := s.check(r); err != nil {
		err.write(w)
		return
	}
	repository, digest, ok := cutLast(strings.TrimPrefix(r.URL.Path, "/"), "/")
	hash, hashErr := v1.NewHash(digest)
	if !ok || hashErr != nil {
		(&s3Error{status: http.StatusNotFound, Code: "NoSuchKey", Message: "The specified key does not exist."}).write(w)
		return
	}
	content := s.open(repository, hash)
	if content == nil {
		(&s3Error{status: http.StatusNotFound, Code: "NoSuchKey", Message: "The specified key does not exist."}).write(w)
		return
	}
	defer func() { _ = content.Close() }() // read only
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"`+hash.Hex+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// check verifies the address, as S3 does.
func (s *layerStore) check(r *http.Request) *s3Error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return &s3Error{
			status:  http.StatusMethodNotAllowed,
			Code:    "MethodNotAllowed",
			Message: "The specified method is not allowed against this resource.",
		}
	}
	if r.Header.Get("Authorization") != "" {
		// S3 repeats the header's value in its answer; the sandbox does not.
		return &s3Error{
			status: http.StatusBadRequest, Code: "InvalidArgument", ArgumentName: "Authorization",
			Message: "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
		}
	}
	q := r.URL.Query()
	date, expires := q.Get("X-Amz-Date"), q.Get("X-Amz-Expires")
	got, err := hex.DecodeString(q.Get("X-Amz-Signature"))
	if err != nil || !hmac.Equal(got, s.sign(r.Host, r.URL.Path, date, expires)) {
		if !q.Has("X-Amz-Signature") {
			return &s3Error{status: http.StatusForbidden, Code: "AccessDenied", Message: "Access Denied"}
		}
		return &s3Error{
			status:  http.StatusForbidden,
			Code:    "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
		}
	}
	signed, err := time.Parse(amzTimeFormat, date)
	if err != nil || s.box.now().After(signed.Add(layerLife)) {
		return &s3Error{status: http.StatusForbidden, Code: "AccessDenied", Message: "Request has expired"}
	}
	return nil
}

func (s *layerStore) open(repository string, hash v1.Hash) io.ReadSeekCloser {
	account, rest, _ := strings.Cut(repository, "/")
	region, name, _ := strings.Cut(rest, "/")
	s.box.state.mu.Lock()
	defer s.box.state.mu.Unlock()
	a := s.box.state.accounts[account]
	if a == nil || a.registries[region] == nil || a.registries[region].repositories[name] == nil {
		return nil
	}
	content, err := a.registries[region].repositories[name].store.blobs.open(hash)
	if err != nil {
		return nil
	}
	return content
}

// s3Error is a refusal in S3's words.
type s3Error struct {
	XMLName      xml.Name `xml:"Error"`
	status       int
	Code         string
	Message      string
	ArgumentName string `xml:",omitempty"`
	RequestID    string `xml:"RequestId"`
}

func (e *s3Error) write(w http.ResponseWriter) {
	e.RequestID = newRequestID()
	text, _ := xml.Marshal(e) // plain strings always marshal
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, xml.Header+string(text))
}

// redirectFrom says where a client that reached the registry as r did can
// reach the layers.
func (b *Sandbox) redirectFrom(r *http.Request, region string) redirector {
	base := &url.URL{Scheme: "http", Host: besideHost(r.Host, b.layersAddress)}
	if r.TLS != nil {
		base.Scheme, base.Host = "https", layerHost(region)
		if _, port, err := net.SplitHostPort(r.Host); err == nil {
			base.Host = net.JoinHostPort(base.Host, port)
		}
	}
	return func(repository string, digest v1.Hash) string {
		return b.layers.presign(base, repository, digest, b.now())
	}
}

// besideHost returns the layer store's address under a host name that is not
// the registry's, as S3's is not ECR's: clients compare names without ports
// when they decide whether to pass the Authorization header on.
func besideHost(registry, layers string) string {
	host := strings.ToLower(hostOnly(registry))
	layersHost, port, err := net.SplitHostPort(layers)
	if err != nil {
		return layers
	}
	addr, addrErr := netip.ParseAddr(host)
	listens, listenErr := netip.ParseAddr(layersHost)
	everywhere := listenErr == nil && listens.IsUnspecified()
	switch {
	case !everywhere && layersHost != host:
	case addrErr == nil && addr.IsLoopback():
		layersHost = "localhost"
	case host == "localhost":
		layersHost = "127.0.0.1"
	case addrErr == nil && addr.Is4():
		layersHost = "::ffff:" + host // the same address in another spelling
	case addrErr != nil:
		layersHost = host + "." // the same name, fully qualified
	default:
		layersHost = host
	}
	return net.JoinHostPort(layersHost, port)
}

// layerHost is the real name of the bucket that a region's layers come from.
func layerHost(region string) string {
	return awsname.LayerHost(region)
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

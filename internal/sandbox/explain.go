package sandbox

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/pullpass/pullpass/internal/iam"
)

// adminPrefix holds what is the sandbox's own. No AWS protocol posts there.
const adminPrefix = "/_pullpass/"

// keptDenials is how many denials Explain remembers.
const keptDenials = 64

// Denial is one refused request and the decision behind it.
type Denial struct {
	Time            time.Time           `json:"time"`
	Principal       string              `json:"principal"`
	Action          string              `json:"action"`
	Resource        string              `json:"resource"`
	ResourceAccount string              `json:"resourceAccount"`
	Context         map[string][]string `json:"context"`
	Decision        iam.Decision        `json:"decision"`
}

// denialLog is a ring of the last denials.
type denialLog struct {
	ring  []Denial
	start int
}

func (l *denialLog) add(d Denial) {
	if len(l.ring) < keptDenials {
		l.ring = append(l.ring, d)
		return
	}
	l.ring[l.start] = d
	l.start = (l.start + 1) % keptDenials
}

// newest lists the denials, the last one first.
func (l *denialLog) newest() []Denial {
	list := make([]Denial, 0, len(l.ring))
	for i := range l.ring {
		list = append(list, l.ring[(l.start+i)%len(l.ring)])
	}
	slices.Reverse(list)
	return list
}

// Explain returns the last denials, the newest first: at most n, or all that
// are remembered where n is 0.
func (b *Sandbox) Explain(n int) []Denial {
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	list := b.state.denials.newest()
	if n > 0 && len(list) > n {
		list = list[:n]
	}
	return list
}

// serveAdmin answers what `pullpass sandbox explain` and its like ask. It
// needs no credentials, so only this machine may ask, and not through a page
// in a browser: a foreign Host header is refused.
func (b *Sandbox) serveAdmin(w http.ResponseWriter, r *http.Request) {
	if !fromThisMachine(r) {
		http.Error(w, "only from this machine", http.StatusForbidden)
		return
	}
	var answer any
	switch r.Method + " " + r.URL.Path {
	case "GET " + adminPrefix + "denials":
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			n = 0
		}
		answer = b.Explain(n)
	case "POST " + adminPrefix + "reset":
		// A page in a browser can send a plain POST here, but not with this header.
		if r.Header.Get("X-Pullpass-Sandbox") != "reset" {
			http.Error(w, "the header X-Pullpass-Sandbox: reset is missing", http.StatusForbidden)
			return
		}
		if err := b.Reset(); err != nil {
			b.log.ErrorContext(r.Context(), "cannot reset", "error", err)
			http.Error(w, "the sandbox could not be reset", http.StatusInternalServerError)
			return
		}
		answer = b.Registries()
	case "GET " + adminPrefix + "registries":
		answer = b.Registries()
	case "GET " + adminPrefix + "ca.pem":
		if b.ca == nil {
			http.Error(w, "this sandbox serves no TLS", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(b.CACertificate())
		return
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		b.log.ErrorContext(r.Context(), "cannot write an answer", "path", r.URL.Path, "error", err)
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n'))
}

func fromThisMachine(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := hostOnly(r.Host)
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

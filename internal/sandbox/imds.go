package sandbox

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// metadata is the instance metadata service of one instance, version 2 only: a
// token first, by PUT, then everything else with the token.
type metadata struct {
	box      *Sandbox
	instance InstanceMetadata
	id       string

	mu     sync.Mutex
	tokens map[string]time.Time
	key    *credential
}

func newMetadata(b *Sandbox, m InstanceMetadata) *metadata {
	if m.HopLimit == 0 {
		m.HopLimit = 1
	}
	return &metadata{box: b, instance: m, id: "i-0123456789abcdef0", tokens: map[string]time.Time{}}
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Content-Type", "text/plain")
	const prefix = "/latest/"
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	switch {
	case !ok:
		http.NotFound(w, r)
	case path == "api/token" && r.Method == http.MethodPut:
		m.putToken(w, r)
	case r.Method != http.MethodGet:
		http.Error(w, "", http.StatusMethodNotAllowed)
	case !m.tokenValid(r.Header.Get("X-Aws-Ec2-Metadata-Token")):
		http.Error(w, "", http.StatusUnauthorized)
	default:
		m.get(w, r, strings.TrimSuffix(path, "/"))
	}
}

// putToken gives a token unless the answer would have to travel too far. On
// EC2 the answer's IP packet dies on its way; here a forwarded request gets no
// answer at all, which looks the same to a client.
func (m *metadata) putToken(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Forwarded-For") != "" {
		http.Error(w, "", http.StatusForbidden) // EC2 does this itself, against open proxies
		return
	}
	if hops(r) > m.instance.HopLimit {
		panic(http.ErrAbortHandler)
	}
	seconds, err := strconv.Atoi(r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
	if err != nil || seconds < 1 || seconds > 21600 {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	token := uniqueID("", 32)
	m.mu.Lock()
	now := m.box.now()
	for old, expires := range m.tokens {
		if now.After(expires) {
			delete(m.tokens, old)
		}
	}
	m.tokens[token] = now.Add(time.Duration(seconds) * time.Second)
	m.mu.Unlock()
	w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", strconv.Itoa(seconds))
	_, _ = io.WriteString(w, token)
}

// hops counts the way of an answer: one to this machine, one more to a
// container or any other peer that is not this machine, and one for each proxy
// that says so.
func hops(r *http.Request) int {
	n := 1
	if !ownAddress(r.RemoteAddr) {
		n++
	}
	for _, via := range r.Header.Values("Via") {
		n += len(strings.Split(via, ","))
	}
	return n
}

// ownAddress reports whether a peer has one of this machine's own addresses. A
// container has one of its own, behind a bridge.
func ownAddress(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return peer.Addr().Unmap().IsLoopback() || slices.ContainsFunc(addrs, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == peer.Addr().Unmap()
	})
}

func (m *metadata) tokenValid(token string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	expires, ok := m.tokens[token]
	return ok && m.box.now().Before(expires)
}

func (m *metadata) get(w http.ResponseWriter, r *http.Request, path string) {
	profile, role := m.role()
	const credentials = "meta-data/iam/security-credentials"
	switch {
	case path == "meta-data/instance-id":
		_, _ = io.WriteString(w, m.id)
	case path == "meta-data/placement/region":
		_, _ = io.WriteString(w, m.instance.Region)
	case path == "dynamic/instance-identity/document":
		writeJSON(w, map[string]string{"accountId": m.instance.Account, "region": m.instance.Region, "instanceId": m.id})
	case role == nil:
		http.NotFound(w, r)
	case path == "meta-data/iam/info":
		writeJSON(w, map[string]string{
			"Code": "Success", "LastUpdated": m.box.now().UTC().Format(time.RFC3339),
			"InstanceProfileArn": profile.arn, "InstanceProfileId": profile.id,
		})
	case path == credentials:
		_, _ = io.WriteString(w, role.name)
	case path == credentials+"/"+role.name:
		writeJSON(w, m.credentials(role))
	default:
		http.NotFound(w, r)
	}
}

// role finds the profile's role as it is now.
func (m *metadata) role() (*instanceProfile, *role) {
	m.box.state.mu.Lock()
	defer m.box.state.mu.Unlock()
	a := m.box.state.accounts[m.instance.Account]
	if a == nil || a.profiles[m.instance.InstanceProfile] == nil {
		return nil, nil
	}
	profile := a.profiles[m.instance.InstanceProfile]
	return profile, a.roles[profile.role]
}

type instanceCredentials struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}

const (
	instanceSession = 6 * time.Hour
	instanceRefresh = 15 * time.Minute // before the end
)

// credentials returns the instance's session, a new one shortly before the old
// one ends. The trust policy is asked on behalf of EC2.
func (m *metadata) credentials(r *role) instanceCredentials {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.box.state
	s.mu.Lock()
	defer s.mu.Unlock()
	now := m.box.now()
	a := s.accounts[m.instance.Account]
	err := m.box.decide(question{
		federated: a.partition.Service(
			"ec2",
		), action: "sts:AssumeRole", resource: r.arn, account: a, trust: &r.trust, region: m.instance.Region,
	})
	if err != nil {
		return instanceCredentials{Code: "AssumeRoleUnauthorizedAccess", LastUpdated: now.UTC().Format(time.RFC3339)}
	}
	if m.key == nil || m.key.session.ownerID != r.id || now.Add(instanceRefresh).After(m.key.session.expires) {
		m.key = s.newSession(a, &session{
			kind: assumedRole, name: m.id, owner: r.name, ownerID: r.id, issued: now, expires: now.Add(instanceSession),
		})
	}
	return instanceCredentials{
		Code: "Success", LastUpdated: m.key.session.issued.UTC().Format(time.RFC3339), Type: "AWS-HMAC",
		AccessKeyID: m.key.id, SecretAccessKey: m.key.secret.Reveal(), Token: m.key.session.token.Reveal(),
		Expiration: m.key.session.expires.UTC().Format(time.RFC3339),
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain") // as EC2 does
	_, _ = w.Write(text)
}

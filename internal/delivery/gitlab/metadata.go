package gitlab

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// MetadataEndpoint is where EC2 instances find their metadata, and with it the keys of
// their role.
const MetadataEndpoint = "http://169.254.169.254"

// metadataWait is how long each question is waited for: beyond the hop limit the answer
// never comes.
const metadataWait = time.Second

// Metadata is what can be reached of the instance's metadata from here.
type Metadata struct {
	// Open: version 1 answers, which has no hop limit.
	Open bool
	// Token: version 2 gives a token, so that the hop limit lets answers through to here.
	Token bool
	// Required: version 1 is refused, and a token is wanted.
	Required bool
	// Role is the role whose keys can be read from here, or "".
	Role string
}

// Reached reports whether whoever is here can act as the instance.
func (m Metadata) Reached() bool { return m.Open || m.Token }

// ProbeMetadata asks for the name of the role, by version 1 and by version 2. It never
// asks for the keys.
func ProbeMetadata(ctx context.Context, endpoint string) Metadata {
	transport := &http.Transport{Proxy: nil, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path string, headers ...string) (int, string) {
		ctx, cancel := context.WithTimeout(ctx, metadataWait)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(endpoint, "/")+path, nil)
		if err != nil {
			return 0, ""
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := c.Do(req)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		if err != nil {
			return 0, ""
		}
		return resp.StatusCode, strings.TrimSpace(string(text))
	}
	const roles = "/latest/meta-data/iam/security-credentials/"
	var m Metadata
	status, name := ask(http.MethodGet, roles)
	m.Open = status == http.StatusOK || status == http.StatusNotFound // without a role it is not found
	m.Required = status == http.StatusUnauthorized
	if status == http.StatusOK {
		m.Role = name
	}
	if status == 0 {
		return m // nobody is there
	}
	status, token := ask(http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "30")
	m.Token = status == http.StatusOK && token != ""
	if m.Token && m.Role == "" {
		if status, name = ask(http.MethodGet, roles, "X-aws-ec2-metadata-token", token); status == http.StatusOK {
			m.Role = name
		}
	}
	return m
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// line is one kept-alive connection that sends requests made beforehand: the
// client shares the two cores with the server, and what it needs is not what is
// measured.
type line struct {
	conn    net.Conn
	answers *bufio.Reader
}

func dial(ctx context.Context, url string) (*line, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return &line{}, err
	}
	return &line{conn: conn, answers: bufio.NewReader(conn)}, nil
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// ask sends one request and reads the whole answer.
func (l *line) ask(request []byte) error {
	if err := l.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := l.conn.Write(request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(l.answers, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s: %s", resp.Status, answer)
	}
	return nil
}

// credentialRequest is POST /api/v1/credentials as it goes over the wire.
func credentialRequest(url string, token pullpass.Secret, e pullpass.EnvironmentID, host string) ([]byte, error) {
	body, err := json.Marshal(api.CredentialRequest{Environment: e, Host: host, Repository: "team/app", Action: pullpass.ActionPull})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		api.PathCredentials, strings.TrimPrefix(url, "http://"), token.Reveal(), api.ContentType, len(body), body), nil
}

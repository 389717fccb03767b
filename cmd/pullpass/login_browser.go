package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/signin"
)

// wish is the membership that a person wants to sign in with.
type wish struct {
	Organization string
	Project      string
}

// throughBrowser signs in with the browser of this machine: the server sends it
// back to an address on loopback at which nobody but this process listens.
func throughBrowser(ctx context.Context, t *terminal, c *client.Client, w wish, open func(context.Context, string) error) (pullpass.Secret, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot listen on loopback", Err: err, Hint: "without a browser here: pullpass login SERVER --device"}
	}
	state, verifier := signin.NewText(), signin.NewText()
	link := c.Base() + api.PathSignIn + "?" + url.Values{
		"redirect_uri": {"http://" + listener.Addr().String() + "/callback"}, "state": {state},
		"code_challenge": {signin.Challenge(verifier)}, "code_challenge_method": {"S256"},
		"organization": {w.Organization}, "project": {w.Project},
	}.Encode()
	t.say("Sign in in your browser; go on there if it shows the word %s. If it does not open, go to:\n  %s", signin.Word(signin.Challenge(verifier)), link)
	if err := open(ctx, link); err != nil {
		t.say("No browser opened here; without one: pullpass login %s --device", c.Base())
	}
	code, err := awaitCode(ctx, listener, state)
	if err != nil {
		return pullpass.Secret{}, err
	}
	got, err := c.Redeem(ctx, api.SignIn{Code: api.NewSecret(code), Verifier: api.NewSecret(pullpass.NewSecret(verifier))})
	return got.Token.Secret(), err
}

// outcome is what the browser brought.
type outcome struct {
	code pullpass.Secret
	err  error
}

// awaitCode listens until the browser comes with the state that we made. Others
// that find the port learn nothing and change nothing.
func awaitCode(ctx context.Context, listener net.Listener, state string) (pullpass.Secret, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, signin.AttemptFor, errors.New("nobody signed in within ten minutes"))
	defer cancel()
	came := make(chan outcome, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: callback(state, came)}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	select {
	case o := <-came:
		// The answer to the browser is written before the connection is closed.
		_ = server.Shutdown(ctx)
		return o.code, o.err
	case <-ctx.Done():
		return pullpass.Secret{}, context.Cause(ctx)
	}
}

func callback(state string, came chan<- outcome) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, req *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/plain; charset=utf-8")
		header.Set("Referrer-Policy", "no-referrer")
		q := req.URL.Query()
		if len(q["state"]) != 1 || !pullpass.NewSecret(q.Get("state")).Equal(pullpass.NewSecret(state)) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintln(w, "This is not the sign-in that the terminal waits for.")
			return
		}
		o := outcome{code: pullpass.NewSecret(q.Get("code"))}
		if o.code.Empty() {
			o.err = signin.Refusal(q.Get("error"))
			_, _ = fmt.Fprintln(w, "Not signed in. The terminal says why.")
		} else {
			_, _ = fmt.Fprintln(w, "Signed in. Go back to the terminal; this page can be closed.")
		}
		select {
		case came <- o:
		default: // the first answer counts
		}
	})
	return mux
}

// openBrowser starts the person's own browser.
func openBrowser(ctx context.Context, link string) error {
	command := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if command == nil {
		command = []string{"xdg-open"}
	}
	return exec.CommandContext(context.WithoutCancel(ctx), command[0], append(command[1:], link)...).Start() //nolint:gosec // our own link
}

// throughDevice signs in with the browser of any machine.
func throughDevice(ctx context.Context, t *terminal, c *client.Client, w wish) (pullpass.Secret, error) {
	d, err := c.BeginDevice(ctx, api.NewDevice{Organization: w.Organization, Project: w.Project})
	if err != nil {
		return pullpass.Secret{}, err
	}
	t.say("On any machine with a browser, go to %s and type the code:\n\n  %s\n\nGo on there if it shows the word %s.\n", d.VerificationURI, d.UserCode,
		signin.Word(string(signin.HashOf(d.DeviceCode.Secret().Reveal()))))
	for {
		got, err := c.Redeem(ctx, api.SignIn{DeviceCode: d.DeviceCode})
		if err != nil || !got.Pending {
			return got.Token.Secret(), err
		}
		timer := time.NewTimer(time.Duration(d.Interval) * time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return pullpass.Secret{}, ctx.Err()
		}
	}
}

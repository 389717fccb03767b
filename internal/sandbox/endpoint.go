package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pullpass/pullpass/internal/awsname"
)

// maxBody is far above any API call but PutImage and UploadLayerPart, whose
// parts are at most 10 MB before base64.
const maxBody = 16 << 20

// call is one API call on its way: what was asked, by whom.
type call struct {
	ctx       context.Context
	box       *Sandbox
	now       time.Time
	requestID string
	request   *http.Request
	region    string
	service   string
	operation string
	body      []byte     // JSON protocol
	form      url.Values // query protocol
	principal *principal // nil: anonymous
	identity  *webIdentity
}

// operation is one API operation of a service.
type operation struct {
	// anonymous calls carry no signature (AssumeRoleWithWebIdentity).
	anonymous bool
	// before runs without the lock: for what takes long (fetching keys).
	before func(*call) *apiError
	// run authorizes and answers, under the lock.
	run func(*call) (any, *apiError)
}

// protocol is how one family of services writes calls and answers.
type protocol interface {
	// read finds the operation's name and the parameters.
	read(c *call) *apiError
	answer(w http.ResponseWriter, c *call, result any)
	refuse(w http.ResponseWriter, c *call, err *apiError)
}

// service is a set of operations behind one protocol.
type service struct {
	name       string
	protocol   protocol
	operations map[string]operation
}

// ServeHTTP answers the AWS API: all services behind one address, told apart by
// protocol, as the clients' --endpoint-url expects.
func (b *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, adminPrefix) {
		b.serveAdmin(w, r)
		return
	}
	c := &call{ctx: r.Context(), box: b, now: b.now(), requestID: newRequestID(), request: r}
	w.Header().Set("X-Amzn-Requestid", c.requestID)
	svc, err := b.open(c, w)
	if err != nil {
		svc.protocol.refuse(w, c, err)
		return
	}
	result, err := b.run(c, svc)
	switch {
	case errors.Is(c.ctx.Err(), context.Canceled):
	case err != nil:
		b.log.DebugContext(c.ctx, "api call refused", "service", c.service, "operation", c.operation, "code", err.code)
		svc.protocol.refuse(w, c, err)
	default:
		b.log.DebugContext(c.ctx, "api call", "service", c.service, "operation", c.operation)
		svc.protocol.answer(w, c, result)
	}
}

// open reads the body and finds service and operation. It always returns a
// service, for the protocol of the refusal.
func (b *Sandbox) open(c *call, w http.ResponseWriter) (*service, *apiError) {
	r := c.request
	body, readErr := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	c.body = body
	svc := b.serviceOf(c)
	c.service = svc.name
	if readErr != nil {
		return svc, apiErrorf(
			http.StatusRequestEntityTooLarge,
			"RequestEntityTooLarge",
			"The request is larger than %d bytes.",
			maxBody,
		)
	}
	return svc, svc.protocol.read(c)
}

// serviceOf tells the services apart: ECR by its target header; STS and IAM,
// which share a protocol, by the scope of the signature, or by the operation
// where a call is unsigned.
func (b *Sandbox) serviceOf(c *call) *service {
	r := c.request
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), publicTarget) {
		return b.public.api
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), ecrTarget) ||
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json") {
		return b.ecr
	}
	if isSigned(r) {
		if s, err := parseSignature(r); err == nil && s.service == b.iam.name {
			return b.iam
		}
	}
	if strings.HasPrefix(r.Host, "iam.") {
		return b.iam
	}
	return b.sts
}

// run takes the call through identity, quota, fault and the operation itself.
func (b *Sandbox) run(c *call, svc *service) (any, *apiError) {
	op, ok := svc.operations[c.operation]
	if !ok {
		return nil, svc.unknownOperation(c)
	}
	if err := b.identify(c, op); err != nil {
		return nil, err
	}
	if err := b.disturb(c); err != nil {
		return nil, err
	}
	if op.before != nil {
		if err := op.before(c); err != nil {
			return nil, err
		}
	}
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	return op.run(c)
}

func (s *service) unknownOperation(c *call) *apiError {
	if _, ok := s.protocol.(jsonProtocol); ok {
		return badRequest("UnknownOperationException", "The sandbox does not know the operation %s.", printable(c.operation))
	}
	version := s.protocol.(queryProtocol).version
	return badRequest(
		"InvalidAction",
		"Could not find operation %s for version %s: the sandbox does not know it",
		printable(c.operation),
		version,
	)
}

// identify checks the signature and resolves the caller.
func (b *Sandbox) identify(c *call, op operation) *apiError {
	r := c.request
	if !isSigned(r) {
		if !op.anonymous {
			return errMissingToken()
		}
		c.region = b.defaultRegion()
		return nil
	}
	sig, err := parseSignature(r)
	if err != nil {
		return err
	}
	if sig.service != c.service {
		return errSignature("Credential should be scoped to correct service: '%s'.", c.service)
	}
	if !awsname.ValidRegion(sig.region) {
		return errSignature("Credential should be scoped to a valid region.")
	}
	c.region = sig.region
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	cred := b.state.keys[sig.keyID]
	if cred == nil || !cred.carries(sig.sessionToken) {
		return errUnknownKey()
	}
	if err := sig.checkTime(c.now); err != nil {
		return err
	}
	if err := sig.verify(r, c.body, cred.secret.Reveal()); err != nil {
		return err
	}
	if c.principal, err = b.state.resolve(cred, c.now); err != nil {
		return err
	}
	cred.lastUsed, cred.lastUse = c.now, [2]string{c.service, c.region}
	return c.checkSession()
}

// checkSession applies what the two kinds of user sessions can never do,
// whatever their policies say:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
func (c *call) checkSession() *apiError {
	s := c.principal.session
	if s == nil || s.kind == assumedRole || c.service == "ecr" || c.operation == "GetCallerIdentity" {
		return nil
	}
	if s.kind == userSession && c.operation == "AssumeRole" {
		return nil
	}
	if c.service == "sts" {
		return accessDenied("Cannot call %s with session credentials", c.operation)
	}
	return errUnknownKey()
}

// remoteIP is aws:SourceIp.
func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// printable keeps a caller's text from carrying markup or control characters
// into an error message.
func printable(text string) string {
	if len(text) > 128 {
		text = text[:128]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '<' || c == '>' || c == '&' {
			return '?'
		}
		return c
	}, text)
}

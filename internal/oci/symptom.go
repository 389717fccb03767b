package oci

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/reference"
)

// subject is what an answer is about, and what must not be shown of it.
type subject struct {
	what       string
	host       reference.Host
	image      reference.Image
	credential pullpass.Credential
	token      pullpass.Secret
	away       bool // the answer came from where the registry redirected to
}

func (s subject) origin() string {
	u, err := url.Parse(s.host.URL())
	if err != nil {
		return ""
	}
	return originOf(u)
}

// wrap gives err the sentence of what failed, and keeps the rest.
func wrap(what string, err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) {
		return &pullpass.Error{Kind: pullpass.Unavailable, What: what, Err: err}
	}
	out := *e
	out.What = what
	if out.Cause == "" {
		out.Cause = e.What
	} else if e.What != "" && e.What != what {
		out.Cause = e.What + ": " + e.Cause
	}
	out.Err = err
	return &out
}

// answer is a refusal as registries (JSON) and S3 (XML) write it.
type answer struct{ code, message string }

const maxShown = 600

func readAnswer(resp *http.Response) answer {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what cannot be read says nothing
	var list struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	if json.Unmarshal(body, &list) == nil && len(list.Errors) > 0 {
		return answer{list.Errors[0].Code, list.Errors[0].Message}
	}
	var s3 struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
	}
	if xml.Unmarshal(body, &s3) == nil && s3.Code != "" {
		return answer{"S3:" + s3.Code, s3.Message}
	}
	return answer{}
}

// shown is a registry's message without the credential, which a hostile one
// would send back to have it logged.
func (s subject) shown(message string) string {
	for _, secret := range []pullpass.Secret{s.credential.Secret, s.token} {
		if !secret.Empty() {
			message = strings.ReplaceAll(message, secret.Reveal(), "[secret]")
		}
	}
	if !s.credential.Secret.Empty() {
		message = strings.ReplaceAll(message, strings.TrimPrefix(basic(s.credential).Reveal(), "Basic "), "[secret]")
	}
	return printable.Line(message, maxShown)
}

// explain turns a refusal into kind, cause and fix: the symptom table.
func explain(on subject, resp *http.Response) error {
	a := readAnswer(resp)
	code := strings.ToUpper(a.code)
	message := on.shown(a.message)
	e := &pullpass.Error{What: on.what}
	set := func(kind pullpass.Kind, code, cause, hint string) error {
		e.Kind, e.Code, e.Cause, e.Hint = kind, code, cause, hint
		return e
	}
	isECR := on.host.Kind == reference.KindECR
	status := resp.StatusCode
	switch {
	case status == http.StatusTooManyRequests || code == "TOOMANYREQUESTS" || a.code == "S3:SlowDown":
		return set(
			pullpass.Limited,
			"registry_limited",
			"the registry is asked too often: "+orElse(message, "too many requests"),
			"wait a moment; log in where the registry limits anonymous pulls",
		)
	case strings.Contains(a.message, "authorization token has expired"),
		status == http.StatusBadRequest && on.host.Kind == reference.KindECRPublic:
		return set(
			pullpass.Denied,
			"token_expired",
			"the registry says that the credential has expired",
			"ask for a new credential and try again; check this machine's clock",
		)
	case status == http.StatusBadRequest && isECR && aboutTheRequest(code, message):
		return set(
			pullpass.Invalid,
			"request_invalid",
			"ECR does not take the request: "+orElse(message, code),
			"correct what the message names; a tag has letters, digits, '_', '.' and '-' only",
		)
	case status == http.StatusBadRequest && isECR:
		return set(
			pullpass.Denied,
			"wrong_region",
			"the registry cannot read the password: it was issued in another region than "+on.host.ECR.Region+", or was changed on the way",
			"issue the token in the host's region "+on.host.ECR.Region,
		)
	case on.away && (status == http.StatusForbidden || strings.HasPrefix(a.code, "S3:")):
		return set(
			pullpass.Denied,
			"layer_denied",
			"the storage behind the registry refuses the layer ("+orElse(
				strings.TrimPrefix(on.shown(a.code), "S3:"),
				resp.Status,
			)+"), as an S3 endpoint policy does",
			layerHint(on),
		)
	case code == "NAME_UNKNOWN":
		return nameUnknown(on, e, message)
	case code == "MANIFEST_UNKNOWN", status == http.StatusNotFound && a.code == "":
		return set(
			pullpass.NotFound,
			pullpass.CodeManifestUnknown,
			orElse(message, "the registry does not have this tag or digest"),
			tagHint(on),
		)
	case code == "BLOB_UNKNOWN":
		return set(
			pullpass.NotFound,
			"blob_unknown",
			orElse(message, "the registry does not have one of the image's parts"),
			"push the image again",
		)
	case status == http.StatusForbidden || code == "DENIED":
		return denied(on, e, message)
	case on.away && status == http.StatusUnauthorized:
		return set(
			pullpass.Denied,
			"redirected_login",
			"the registry redirects to "+answeredBy(resp)+", which wants a login of its own; the credential was not sent there",
			"use that host's name in the image and register it: pullpass registry add NAME --host "+answeredBy(
				resp,
			)+" --username USER",
		)
	case status == http.StatusUnauthorized || code == "UNAUTHORIZED":
		if !on.token.Empty() {
			return set(
				pullpass.Denied,
				"token_refused",
				"the registry gave a token that does not open this repository: it is not there, or this login may not pull it"+after(
					": ",
					message,
				),
				tokenHint(on),
			)
		}
		if on.credential.Secret.Empty() {
			return set(
				pullpass.Denied,
				pullpass.CodeLoginRequired,
				"the registry wants a login and there is no credential for "+on.host.Name,
				on.host.AddCommand(),
			)
		}
		return set(
			pullpass.Denied,
			pullpass.CodeLoginRefused,
			"the registry does not accept the user name and password"+after(": ", message),
			on.host.Kind.LoginHint(),
		)
	case status >= 500:
		return set(
			pullpass.Unavailable,
			"registry_failed",
			"the registry answered "+printable.Line(resp.Status, maxShown),
			"try again in a moment",
		)
	case status >= 300 && status < 400:
		return set(
			pullpass.Unavailable,
			"redirect_refused",
			"the registry redirects a login, which is not followed",
			"use the host that it redirects to"+after(": ", redirectHost(resp)),
		)
	}
	return set(
		pullpass.Unavailable,
		"registry_answer",
		"the registry answered "+printable.Line(resp.Status, maxShown)+after(": ", message),
		"check that the host is a registry of the OCI distribution protocol",
	)
}

// aboutTheRequest tells what ECR dislikes in the request itself from what it dislikes
// in the token: both are a 400.
func aboutTheRequest(code, message string) bool {
	switch code {
	case "TAG_INVALID", "NAME_INVALID", "MANIFEST_INVALID", "DIGEST_INVALID", "SIZE_INVALID", "PAGINATION_NUMBER_INVALID":
		return true
	}
	return strings.Contains(message, "Invalid parameter at")
}

// answeredBy is the host that sent an answer after redirects.
func answeredBy(resp *http.Response) string {
	if resp.Request == nil || resp.Request.URL == nil {
		return "another host"
	}
	return printable.Line(resp.Request.URL.Host, maxShown)
}

// redirectHost is the host that a redirect names; the rest of the address may be
// presigned.
func redirectHost(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil || to.User != nil {
		return ""
	}
	return printable.Line(to.Host, maxShown)
}

var registryID = regexp.MustCompile(`registry with id '([0-9]{12})'`)

func nameUnknown(on subject, e *pullpass.Error, message string) error {
	e.Kind, e.Code = pullpass.NotFound, "name_unknown"
	e.Cause = orElse(message, "the registry has no repository of this name")
	e.Hint = "check the repository's name, account and region"
	if m := registryID.FindStringSubmatch(message); m != nil && on.host.ECR != nil {
		if m[1] != on.host.ECR.Account {
			e.Cause = "account " + m[1] + " answered, but the host names account " + on.host.ECR.Account + ": " + message
			e.Hint = "correct the account in the image's host, or in the host mapping"
		} else {
			e.Hint = "the account is the right one (" + m[1] + "): check the repository's name and the region " + on.host.ECR.Region + "; a pull-through cache also needs ecr:CreateRepository"
		}
	}
	return e
}

func layerHint(on subject) string {
	if on.host.ECR != nil {
		r := on.host.ECR.Region
		return "let the S3 endpoint policy allow s3:GetObject on arn:" + string(
			on.host.ECR.Partition(),
		) + ":s3:::prod-" + r + "-starport-layer-bucket/*"
	}
	return "let the network's policy allow the storage that the registry redirects to"
}

func tagHint(on subject) string {
	if on.host.ECR == nil {
		return "list the repository's tags, and compare the spelling"
	}
	return "list the repository's tags; a lifecycle rule may have removed it, replication may not have brought it yet, and a pull-through cache needs ecr:BatchImportUpstreamImage"
}

func tokenHint(on subject) string {
	if on.credential.Secret.Empty() {
		return "check the name; for a private repository: " + on.host.AddCommand()
	}
	return "check the name, and that the login may pull it; " + on.host.Kind.LoginHint()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func after(separator, s string) string {
	if s == "" {
		return ""
	}
	return separator + s
}

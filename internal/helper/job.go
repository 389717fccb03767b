package helper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// The variables with which a CI job proves who it is.
const (
	EnvIDToken      = "PULLPASS_ID_TOKEN"            // its OIDC token, as GitLab's id_tokens give it
	EnvOrganization = "PULLPASS_ORGANIZATION"        // name or id
	EnvRequestURL   = "ACTIONS_ID_TOKEN_REQUEST_URL" // where GitHub Actions gives one
	EnvRequestToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// Job is a CI job's own identity, which a server trades for a token of ours.
type Job struct {
	Organization string
	IDToken      pullpass.Secret // empty: it is asked for at RequestURL
	RequestURL   string
	RequestToken pullpass.Secret
}

// currentJob is the job that we run in, nil where it says nothing of itself.
func currentJob() *Job {
	j := &Job{Organization: os.Getenv(EnvOrganization)}
	if text := os.Getenv(EnvIDToken); text != "" {
		j.IDToken = pullpass.NewSecret(text)
		return j
	}
	url, token := os.Getenv(EnvRequestURL), os.Getenv(EnvRequestToken)
	if url == "" || token == "" {
		return nil
	}
	j.RequestURL, j.RequestToken = url, pullpass.NewSecret(token)
	return j
}

// identity tells jobs apart.
func (j *Job) identity() string {
	sum := sha256.Sum256([]byte(hash(j.Organization, j.IDToken.Reveal(), j.RequestURL, j.RequestToken.Reveal())))
	return "job " + hex.EncodeToString(sum[:])
}

// keptToken is a job's token of ours.
type keptToken struct {
	Token   api.Secret `json:"token"`
	Expires time.Time  `json:"expires"`
}

// JobToken returns the token that this job has already, or exchanges and keeps one. Of
// many processes at once one exchanges: a server takes a job's token only once.
func (c *Cache) JobToken(ctx context.Context, l Login, exchange func(context.Context) (pullpass.Secret, time.Time, error)) (pullpass.Secret, error) {
	if c == nil || c.prepare() != nil {
		token, _, err := exchange(ctx)
		return token, err
	}
	path := filepath.Join(c.Dir, hash(l.Server, l.Job.identity())+".job")
	unlock, err := lock(ctx, path+lockSuffix)
	if ctx.Err() != nil {
		return pullpass.Secret{}, ctx.Err()
	}
	if err == nil {
		defer unlock()
	}
	var kept keptToken
	if readTrusted(path, &kept) && kept.Expires.Sub(c.now()) >= least {
		return kept.Token.Secret(), nil
	}
	token, expires, err := exchange(ctx)
	if err == nil {
		// If it cannot be kept, the next one fails, and says why.
		_ = keepFile(path, keptToken{Token: api.NewSecret(token), Expires: expires})
	}
	return token, err
}

// UserCache is where a user's answers are kept; nil for one without a home, as some
// containers have.
func UserCache() *Cache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return &Cache{Dir: filepath.Join(dir, "pullpass", "credentials")}
}

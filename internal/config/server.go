package config

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
)

// Server is what `pullpass server` can be told.
type Server struct {
	Listen         string   `default:"127.0.0.1:8420" env:"PULLPASS_LISTEN" placeholder:"HOST:PORT" help:"Address to serve the API and the pages on. Port 0 picks a free one."`
	URL            string   `env:"PULLPASS_URL" placeholder:"URL" help:"Address by which others reach this server; taken from --listen if it is not given."`
	IssuerURL      string   `name:"issuer-url" env:"PULLPASS_ISSUER_URL" placeholder:"URL" help:"Where the identity provider's discovery documents and keys are published, if not below --url: a bucket that 'pullpass idp check --export' fills. Tokens name it as their issuer."`
	Data           string   `default:"${data_dir}" env:"PULLPASS_DATA" placeholder:"DIR" help:"Directory for the database and what belongs to it. Created with mode 0700."`
	Database       string   `env:"PULLPASS_DATABASE" placeholder:"URL" help:"postgres://… for several replicas; parameters in it go before the session limits that docs/operations.md lists. Without it: SQLite in the data directory."`
	DatabasePass   string   `name:"database-password-file" env:"PULLPASS_DATABASE_PASSWORD_FILE" placeholder:"FILE" help:"File with the password of --database, which then stands in no argument and no variable."`
	KeyFile        string   `env:"PULLPASS_KEY_FILE" placeholder:"FILE" help:"Key-encryption key, mode 0600. Without it: the path of the data directory with .key appended; made on the first start."`
	KMSKey         string   `name:"kms-key" env:"PULLPASS_KMS_KEY" placeholder:"ARN" help:"Keep the key-encryption key in AWS KMS instead of a file."`
	KMSEndpoint    string   `name:"kms-endpoint" env:"PULLPASS_KMS_ENDPOINT" placeholder:"URL" help:"Address of KMS, where it is not the public one."`
	Hosts          []string `name:"host" env:"PULLPASS_HOSTS" sep:";" placeholder:"MAPPING" help:"A registry that its name does not tell everything of (VPC endpoint, custom domain, emulator; a token service on another host): host=…,account=…,region=…,api=URL,sts=URL,registry=URL,realm=URL. Can be repeated."`
	AllowEgress    []string `name:"allow-egress" env:"PULLPASS_ALLOW_EGRESS" sep:"," placeholder:"PREFIX" help:"Private address ranges that registries may be in: 10.0.0.0/8, or 127.0.0.1:5000 for one address. Loopback, link-local and private ranges are refused otherwise."`
	LendIdentity   bool     `name:"lend-identity" env:"PULLPASS_LEND_IDENTITY" help:"Let integrations of mode ambient use the server's own AWS identity. Everybody who may add an integration can use it then."`
	Downloads      string   `env:"PULLPASS_DOWNLOADS" placeholder:"DIR" help:"Directory of binaries to serve under /downloads/, as <os>-<arch>/<name>; the server puts its own there. Without it: downloads in the data directory."`
	MetricsToken   string   `name:"metrics-token-file" env:"PULLPASS_METRICS_TOKEN_FILE" placeholder:"FILE" help:"File with the bearer token that /metrics asks for. Without it /metrics answers callers on this machine only, and nobody where --url names another address without --tls-cert: a proxy on this machine passes everybody on."`
	TLSCert        string   `name:"tls-cert" env:"PULLPASS_TLS_CERT" placeholder:"FILE" help:"Certificate chain in PEM. Without it: plain HTTP, for loopback or behind a proxy."`
	TLSKey         string   `name:"tls-key" env:"PULLPASS_TLS_KEY" placeholder:"FILE" help:"Private key of --tls-cert."`
	TrustedProxies []string `name:"trusted-proxy" env:"PULLPASS_TRUSTED_PROXIES" sep:"," placeholder:"PREFIX" help:"Address or range of reverse proxies in front of this server. What they say in X-Forwarded-For is where a request came from, in the audit record and for limits; the header of others is ignored. Can be repeated."`
	Quotas         []string `name:"quota" env:"PULLPASS_QUOTAS" sep:"," placeholder:"NAME=NUMBER" help:"Upper limit on how many of one thing an organization, a project or a member may have; 'pullpass quota' lists the names and the defaults. Owners of an organization can set lower ones. Can be repeated."`
	DiskReserve    Size     `name:"disk-reserve" default:"auto" env:"PULLPASS_DISK_RESERVE" placeholder:"SIZE" help:"Room on the disk of the data directory (SQLite) that is kept for issuing credentials when everything else has filled it; auto: a 64th of the disk, from 8MiB to 64MiB; none: no room."`
	AuditRetention Age      `name:"audit-retention" default:"off" env:"PULLPASS_AUDIT_RETENTION" placeholder:"AGE" help:"Remove audit records that are older, such as 400d: once an hour, with a signed cut and a record of it. What the webhook has not delivered stays."`
	KeepDeleted    Age      `name:"keep-deleted" default:"30d" env:"PULLPASS_KEEP_DELETED" placeholder:"AGE" help:"How long deleted environments, projects, registries and runners, and expired tokens, stay in the database; off: for ever. Audit records are --audit-retention's."`
	People
	Log
}

// minReserve holds SQLite's write-ahead log, which a smaller reserve could not use.
const minReserve Size = 8 << 20

// Log is what every long-running command can be told about its log.
type Log struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" env:"PULLPASS_LOG_LEVEL" help:"Least severity that is logged: ${enum}."`
	LogFormat string `default:"text" enum:"text,json" env:"PULLPASS_LOG_FORMAT" help:"Form of the log on standard error: ${enum}."`
}

// Check reports everything that is wrong with the options, not just the first.
func (s *Server) Check() error {
	var p problems
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		p.add("--listen", "want host:port, such as 127.0.0.1:8420")
	}
	if s.URL != "" {
		p.url("--url", s.URL)
	}
	if s.IssuerURL != "" {
		p.url("--issuer-url", s.IssuerURL)
	}
	if s.Database != "" && !strings.HasPrefix(s.Database, "postgres://") &&
		!strings.HasPrefix(s.Database, "postgresql://") {
		p.add("--database", "want postgres://…; leave it out for SQLite in --data")
	}
	if s.DatabasePass != "" && s.Database == "" {
		p.add("--database-password-file", "needs --database")
	}
	if s.DiskReserve > 0 && s.Database != "" {
		p.add("--disk-reserve", "is for SQLite: on PostgreSQL's disk its operator keeps room")
	}
	if s.DiskReserve > 0 && s.DiskReserve < minReserve {
		p.add("--disk-reserve", "want at least 8MiB, auto or none")
	}
	if s.KeyFile != "" && s.KMSKey != "" {
		p.add("--kms-key", "cannot be used together with --key-file: choose one")
	}
	if s.KMSEndpoint != "" && s.KMSKey == "" {
		p.add("--kms-endpoint", "needs --kms-key")
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		p.add("--tls-cert", "needs --tls-key, and the other way round")
	}
	if s.AuditRetention != 0 && s.AuditRetention < minRetention {
		p.add("--audit-retention", "want at least 1d, or off")
	}
	if s.KeepDeleted != 0 && s.KeepDeleted < minRetention {
		p.add("--keep-deleted", "want at least 1d, or off")
	}
	p.allowances(s.AllowEgress)
	p.proxies(s.TrustedProxies)
	p.quotas(s.Quotas)
	s.People.check(&p, s.URL)
	return p.err()
}

// DatabaseURL is --database with the password from its file.
func (s *Server) DatabaseURL() (string, error) {
	if s.DatabasePass == "" {
		return s.Database, nil
	}
	password, err := os.ReadFile(s.DatabasePass)
	if err != nil {
		return "", &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the database's password", Err: err}
	}
	u, err := url.Parse(s.Database)
	if err != nil || u.User == nil || u.User.Username() == "" {
		return "", &pullpass.Error{
			Kind:  pullpass.Invalid,
			What:  "cannot use --database-password-file",
			Cause: "--database names no user",
			Hint:  "--database postgres://USER@HOST/NAME",
		}
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimRight(string(password), "\r\n"))
	return u.String(), nil
}

// QuotaLimits are the quotas that differ from their defaults. Check has found them
// well-formed.
func (s *Server) QuotaLimits() map[pullpass.Quota]int64 {
	limits := make(map[pullpass.Quota]int64, len(s.Quotas))
	for _, text := range s.Quotas {
		if q, limit, ok := parseQuota(text); ok {
			limits[q] = limit
		}
	}
	return limits
}

// parseQuota reads NAME=NUMBER.
func parseQuota(text string) (pullpass.Quota, int64, bool) {
	name, number, _ := strings.Cut(text, "=")
	limit, err := strconv.ParseInt(number, 10, 64)
	_, known := pullpass.RuleOf(pullpass.Quota(name))
	return pullpass.Quota(name), limit, err == nil && known && limit >= 0 && limit <= pullpass.MaxQuota
}

// KeyPath is where the key-encryption key is kept: beside the data directory and
// not in it, so that a copy of the data alone opens nothing.
func (s *Server) KeyPath() string {
	if s.KeyFile != "" {
		return s.KeyFile
	}
	return filepath.Clean(s.Data) + ".key"
}

// DownloadsPath is where the binaries lie that the server gives out.
func (s *Server) DownloadsPath() string {
	if s.Downloads != "" {
		return s.Downloads
	}
	return filepath.Join(s.Data, "downloads")
}

// DefaultData is the data directory of a server that is not told one.
func DefaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/pullpass/server"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "pullpass", "server")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(".", "pullpass-data")
	}
	return filepath.Join(home, ".local", "state", "pullpass", "server")
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

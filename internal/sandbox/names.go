package sandbox

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

const secretKeyLength = 40

var (
	accessKeyPattern      = regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`)
	entityPattern         = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	sessionPattern        = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	federationNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,32}$`)
	pathPattern           = regexp.MustCompile(`^(/[!-~]{0,510}/|/)$`)
)

func validAccessKeyID(id string) bool { return accessKeyPattern.MatchString(id) }

// The prefixes of AWS's unique ids.
const (
	prefixAccessKey = "AKIA"
	prefixSession   = "ASIA"
	prefixUser      = "AIDA"
	prefixRole      = "AROA"
	prefixPolicy    = "ANPA"
	prefixProfile   = "AIPA"
)

// uniqueID returns prefix and n random characters of base 32.
func uniqueID(prefix string, n int) string {
	return prefix + base32.StdEncoding.EncodeToString(randomBytes(20))[:n]
}

func newAccessKeyID(prefix string) string { return uniqueID(prefix, 16) }
func newEntityID(prefix string) string    { return uniqueID(prefix, 17) }

func newSecretKey() string {
	return base64.StdEncoding.EncodeToString(randomBytes(secretKeyLength * 3 / 4))
}

func newRequestID() string {
	h := hex.EncodeToString(randomBytes(16))
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// randomBytes never fails: crypto/rand ends the process instead.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// registryHost returns the real name of an account's registry.
func registryHost(account, region string) string {
	host, _ := awsname.Registry{Account: account, Region: region}.Host()
	return host
}

func repositoryARN(account, region, name string) string {
	return awsname.Registry{Account: account, Region: region}.RepositoryARN(name)
}

func (a *account) iamARN(kind, path, name string) string {
	return a.partition.IAM(a.id, kind+path+name)
}

// managedARN names an AWS managed policy; path is "/" or "/service-role/".
func managedARN(partition awsname.Partition, path, name string) string {
	return partition.IAM("aws", "policy"+path+name)
}

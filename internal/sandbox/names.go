package sandbox

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
)

const secretKeyLength = 40

var (
	accountPattern   = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	accessKeyPattern = regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`)
	// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
	repositoryPattern     = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	entityPattern         = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	sessionPattern        = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	federationNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,32}$`)
	pathPattern           = regexp.MustCompile(`^(/[!-~]{0,510}/|/)$`)
)

func validAccountID(id string) bool   { return accountPattern.MatchString(id) }
func validRegion(region string) bool  { return regionPattern.MatchString(region) }
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

// partitionOf returns the first part of a region's ARNs.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// registryHost returns the real name of an account's registry.
func registryHost(account, region string) string {
	host := account + ".dkr.ecr." + region + ".amazonaws.com"
	if partitionOf(region) == "aws-cn" {
		host += ".cn"
	}
	return host
}

func repositoryARN(account, region, name string) string {
	return "arn:" + partitionOf(region) + ":ecr:" + region + ":" + account + ":repository/" + name
}

func iamARN(account, kind, path, name string) string {
	return "arn:aws:iam::" + account + ":" + kind + path + name
}

func managedARN(name string) string { return "arn:aws:iam::aws:policy/" + name }

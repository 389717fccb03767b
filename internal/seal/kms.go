package seal

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/pullpass/pullpass"
)

// KMS is key-encryption keys in AWS KMS.
type KMS struct {
	primary string
	client  awskms.KMSAPI
}

// KMSOptions says where KMS is asked; empty fields follow the usual rules of the
// AWS SDK.
type KMSOptions struct {
	Endpoint string // for a VPC endpoint or an emulator
	Config   *aws.Config
}

const kmsPrefix = "aws-kms:"

// OpenKMS returns the key with the given ARN as a key-encryption key. Data keys
// wrapped by other KMS keys still open as long as the server's identity may use
// those, so a move to another key needs no second option.
func OpenKMS(ctx context.Context, keyARN string, o KMSOptions) (*KMS, error) {
	parsed, err := arn.Parse(keyARN)
	if err != nil || parsed.Service != "kms" || !strings.HasPrefix(parsed.Resource, "key/") {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "kms_key", What: "cannot use this KMS key",
			Cause: "it is not given as the ARN of a key",
			Hint:  "give it in full: arn:aws:kms:REGION:ACCOUNT:key/ID (an alias can be moved to another key and is refused)",
		}
	}
	var cfg aws.Config
	if o.Config != nil {
		cfg = o.Config.Copy()
	} else if cfg, err = config.LoadDefaultConfig(ctx); err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	client := kms.NewFromConfig(cfg, func(k *kms.Options) {
		k.Region = parsed.Region
		if o.Endpoint != "" {
			k.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	return &KMS{primary: kmsPrefix + keyARN, client: client}, nil
}

// ID names the key that wraps new data keys.
func (k *KMS) ID() string { return k.primary }

// Holds reports whether id is a KMS key of the same region.
func (k *KMS) Holds(id string) bool {
	return id == k.primary || (strings.HasPrefix(id, kmsPrefix) && kmsRegion(id) == kmsRegion(k.primary))
}

func kmsRegion(id string) string {
	parsed, err := arn.Parse(strings.TrimPrefix(id, kmsPrefix))
	if err != nil {
		return ""
	}
	return parsed.Region
}

// AEAD gives the KMS key with this id. The associated data becomes the KMS
// encryption context, so CloudTrail shows which data key was unwrapped.
func (k *KMS) AEAD(id string) (tink.AEADWithContext, error) {
	primitive, err := awskms.NewAEADWithContext(
		context.Background(),
		strings.TrimPrefix(id, kmsPrefix),
		awskms.WithKMS(k.client),
	)
	if err != nil {
		return nil, fmt.Errorf("using KMS key: %w", err)
	}
	return primitive, nil
}

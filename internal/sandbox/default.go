package sandbox

import (
	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// The rehearsal's cast. The keys open nothing but the sandbox: they are fixed
// so that `pullpass sandbox env`, another process, can print them.
const (
	PlatformAccount = "111111111111" // where the platform and its IAM user live
	OwnerAccount    = "222222222222" // owns the private repository
	DefaultRegion   = "eu-west-1"

	PlatformKeyID = "AKIAPULLPASSSANDBOX2"
	platformKey   = "sandbox/111111111111/pullpass/NotSecret1"
	OwnerKeyID    = "AKIAPULLPASSSANDBOX3"
	ownerKey      = "sandbox/222222222222/admin000/NotSecret2"
	PlatformAdmin = "AKIAPULLPASSSANDBOX4"
	adminKey      = "sandbox/111111111111/admin000/NotSecret3"
)

// pullAnywhere is the caller's half of a cross-account pull. The owner's half,
// the repository policy, is deliberately missing: the rehearsal adds it.
const pullAnywhere = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"], "Resource": "arn:aws:ecr:*:*:repository/*"}
  ]
}`

// A user's own credentials cannot be narrowed to one repository. The sessions of
// its role can, and those that the user makes with GetFederationToken.
const (
	assumePull = `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::111111111111:role/pull"}]
}`
	federate = `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "*"}]
}`
	trustPlatformUser = `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:user/pullpass"}, "Action": "sts:AssumeRole"}]
}`
)

// Default is the rehearsal of two accounts: the platform, whose user may pull,
// and the owner of team/app, who has not yet allowed it.
func Default() Config {
	return Config{
		Listen:  "127.0.0.1:4510",
		Layers:  "127.0.0.1:4519",
		Regions: []string{DefaultRegion},
		Registries: []RegistryListener{
			{Account: PlatformAccount, Region: DefaultRegion, Listen: "127.0.0.1:4511"},
			{Account: OwnerAccount, Region: DefaultRegion, Listen: "127.0.0.1:4512"},
		},
		Accounts: []Account{
			{
				ID: PlatformAccount, Alias: "platform",
				Users: []User{
					{
						Name:           "pullpass",
						AccessKeys:     []AccessKey{key(PlatformKeyID, platformKey)},
						InlinePolicies: map[string]Document{"pull": pullAnywhere, "assume": assumePull, "federate": federate},
					},
					{
						Name:             "admin",
						AccessKeys:       []AccessKey{key(PlatformAdmin, adminKey)},
						AttachedPolicies: []string{managedARN(awsname.AWS, "/", "AdministratorAccess")},
					},
				},
				Roles: []Role{{
					Name: "pull", TrustPolicy: trustPlatformUser,
					InlinePolicies: map[string]Document{"pull": pullAnywhere},
				}},
			},
			{
				ID: OwnerAccount, Alias: "owner",
				Users: []User{{
					Name:             "admin",
					AccessKeys:       []AccessKey{key(OwnerKeyID, ownerKey)},
					AttachedPolicies: []string{managedARN(awsname.AWS, "/", "AdministratorAccess")},
				}},
				Repositories: []Repository{{Region: DefaultRegion, Name: "team/app"}},
			},
		},
	}
}

func key(id, secret string) AccessKey {
	return AccessKey{ID: id, Secret: SecretKey{pullpass.NewSecret(secret)}}
}

// PlatformKey is the secret half of PlatformKeyID.
func PlatformKey() pullpass.Secret { return pullpass.NewSecret(platformKey) }

// OwnerKey is the secret half of OwnerKeyID.
func OwnerKey() pullpass.Secret { return pullpass.NewSecret(ownerKey) }

package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Integration is access to one AWS account. Its secret key is never part of an
// answer.
type Integration struct {
	ID pullpass.IntegrationID `json:"id"`
	// Organization is part of the subject of a web identity.
	Organization pullpass.OrganizationID  `json:"organization"`
	Name         string                   `json:"name"`
	Mode         pullpass.IntegrationMode `json:"mode" enum:"access-key,ambient,web-identity,runner-native"`
	Account      string                   `json:"account,omitempty" doc:"12 digits."`
	Region       string                   `json:"region"`
	AccessKeyID  string                   `json:"access_key_id,omitempty"`
	Chain        []RoleHop                `json:"chain" nullable:"false" doc:"The roles assumed one after the other."`
	Runners      []pullpass.RunnerID      `json:"runners" nullable:"false" doc:"Empty for all runners."`
	Projects     []pullpass.ProjectID     `json:"projects" nullable:"false" doc:"Whose limited callers may attach it; empty: callers of the whole organization only."`
	Subject      string                   `json:"subject,omitempty" doc:"For web-identity: the sub of its tokens, as a pattern for StringLike in a trust policy."`
	Principal    string                   `json:"principal,omitempty" doc:"ARN to name in policies, as AWS last reported it."`
	Generation   int64                    `json:"generation" doc:"Grows with each update."`
	CreatedAt    time.Time                `json:"created_at"`
	UpdatedAt    time.Time                `json:"updated_at"`
}

// RoleHop is one AssumeRole.
type RoleHop struct {
	RoleARN        string            `json:"role_arn" minLength:"20" maxLength:"2048" example:"arn:aws:iam::222222222222:role/pull"`
	ExternalID     string            `json:"external_id,omitempty" maxLength:"1224"`
	SourceIdentity string            `json:"source_identity,omitempty" maxLength:"64"`
	SessionTags    map[string]string `json:"session_tags,omitempty" maxProperties:"50"`
}

// NewIntegration adds access to an AWS account.
type NewIntegration struct {
	Name            string                   `json:"name" minLength:"1" maxLength:"127" example:"production"`
	Mode            pullpass.IntegrationMode `json:"mode" enum:"access-key,ambient,web-identity,runner-native"`
	Account         string                   `json:"account,omitempty" pattern:"^[0-9]{12}$" patternDescription:"12 digits"`
	Region          string                   `json:"region" pattern:"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$" patternDescription:"an AWS region" example:"eu-west-1"`
	AccessKeyID     string                   `json:"access_key_id,omitempty" pattern:"^[A-Z0-9]{16,128}$" patternDescription:"an access key id" doc:"For access-key."`
	SecretAccessKey Secret                   `json:"secret_access_key,omitzero" format:"password" writeOnly:"true" maxLength:"4096" doc:"For access-key. It cannot be read back."`
	Chain           []RoleHop                `json:"chain,omitempty" maxItems:"10" nullable:"false"`
	Runners         []pullpass.RunnerID      `json:"runners,omitempty" maxItems:"1000" nullable:"false"`
	Projects        []pullpass.ProjectID     `json:"projects,omitempty" maxItems:"1000" nullable:"false" doc:"Whose limited callers may attach it."`
}

// IntegrationChange updates an integration; what is left out stays.
type IntegrationChange struct {
	Name            *string               `json:"name,omitempty" minLength:"1" maxLength:"127"`
	Account         *string               `json:"account,omitempty" pattern:"^[0-9]{12}$" patternDescription:"12 digits"`
	Region          *string               `json:"region,omitempty" pattern:"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$" patternDescription:"an AWS region"`
	AccessKeyID     *string               `json:"access_key_id,omitempty" pattern:"^[A-Z0-9]{16,128}$" patternDescription:"an access key id"`
	SecretAccessKey *Secret               `json:"secret_access_key,omitempty" format:"password" writeOnly:"true" maxLength:"4096"`
	Chain           *[]RoleHop            `json:"chain,omitempty" maxItems:"10" nullable:"false"`
	Runners         *[]pullpass.RunnerID  `json:"runners,omitempty" maxItems:"1000" nullable:"false"`
	Projects        *[]pullpass.ProjectID `json:"projects,omitempty" maxItems:"1000" nullable:"false" doc:"Empty: callers of the whole organization only."`
}

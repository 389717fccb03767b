package api

import "github.com/pullpass/pullpass"

// Quota is an upper limit on how many of one thing there may be, and how many are.
type Quota struct {
	Name        pullpass.Quota      `json:"name"`
	Per         pullpass.QuotaScope `json:"per" enum:"organization,project,member" doc:"Whose things it counts."`
	Used        int64               `json:"used" doc:"Per project: of the one that was asked for, otherwise of the one that has most. Per member: yours."`
	Limit       int64               `json:"limit" doc:"What holds: the lower one of the server's and the organization's."`
	ServerLimit int64               `json:"server_limit" doc:"Set by the operator."`
	OwnLimit    *int64              `json:"own_limit,omitempty" doc:"Set by an owner of the organization."`
}

// QuotaLimit sets an organization's own limit.
type QuotaLimit struct {
	Limit int64 `json:"limit" minimum:"0" maximum:"1000000000" doc:"Not above the server's. What there is already stays."`
}

// FromQuota is the quota as it goes over the wire.
func FromQuota(u pullpass.QuotaUse) Quota {
	return Quota{Name: u.Quota, Per: u.Per, Used: u.Used, Limit: u.Limit, ServerLimit: u.Server, OwnLimit: u.Own}
}

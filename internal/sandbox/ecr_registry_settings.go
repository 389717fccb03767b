package sandbox

import (
	"slices"

	"github.com/pullpass/pullpass/internal/awsname"
)

// registrySettings are kept and given back, as Terraform wants them: the sandbox
// replicates and scans nothing. Beside them are the settings of BLOB_MOUNTING and
// the like, by name.
type registrySettings struct {
	replication replication
	scanning    *registryScanning
	account     map[string]string
}

type replication struct {
	Rules []replicationRule `json:"rules"`
}

type replicationRule struct {
	Destinations []replicationDestination `json:"destinations"`
	Filters      []filterShape            `json:"repositoryFilters,omitempty"`
}

type replicationDestination struct {
	Region     string `json:"region"`
	RegistryID string `json:"registryId"`
}

type filterShape struct {
	Filter     string `json:"filter"`
	FilterType string `json:"filterType"`
}

type putReplicationInput struct {
	Replication replication `json:"replicationConfiguration"`
}

func putReplicationConfiguration(c *call, in *putReplicationInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:PutReplicationConfiguration")
	if err != nil {
		return nil, err
	}
	if len(in.Replication.Rules) > 10 {
		return nil, errECRParameter("rules", "Member must have length less than or equal to 10")
	}
	for _, r := range in.Replication.Rules {
		if len(r.Destinations) < 1 || len(r.Destinations) > 25 || len(r.Filters) > 100 {
			return nil, errECRParameter("rules", "A rule has 1 to 25 destinations and at most 100 filters")
		}
		for _, d := range r.Destinations {
			partition, ok := awsname.PartitionOf(d.Region)
			if !ok || partition != reg.account.partition || !awsname.ValidAccount(d.RegistryID) {
				return nil, errECRParameter(
					"destinations",
					"A destination is a region of this partition and an account of 12 digits",
				)
			}
			if d.Region == reg.region && d.RegistryID == reg.account.id {
				return nil, errECRParameter("destinations", "The replication destination cannot be the same as the source")
			}
		}
		for _, f := range r.Filters {
			if f.FilterType != "PREFIX_MATCH" || len(f.Filter) < 2 {
				return nil, errECRParameter("repositoryFilters", "A filter is of type PREFIX_MATCH and has at least two characters")
			}
		}
	}
	reg.settings.replication = in.Replication
	return putReplicationInput{replication{append([]replicationRule{}, in.Replication.Rules...)}}, nil
}

type registryScanning struct {
	ScanType string         `json:"scanType"`
	Rules    []scanningRule `json:"rules"`
}

type scanningRule struct {
	ScanFrequency string        `json:"scanFrequency"`
	Filters       []filterShape `json:"repositoryFilters"`
}

func getRegistryScanningConfiguration(c *call, _ *emptyInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:GetRegistryScanningConfiguration")
	if err != nil {
		return nil, err
	}
	return struct {
		RegistryID string           `json:"registryId"`
		Scanning   registryScanning `json:"scanningConfiguration"`
	}{reg.account.id, reg.scanning()}, nil
}

func putRegistryScanningConfiguration(c *call, in *registryScanning) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:PutRegistryScanningConfiguration")
	if err != nil {
		return nil, err
	}
	switch {
	case in.ScanType == "":
		in.ScanType = "BASIC"
	case in.ScanType != "BASIC" && in.ScanType != "ENHANCED":
		return nil, errECRParameter("scanType", "Member must satisfy enum value set: [BASIC, ENHANCED]")
	}
	if len(in.Rules) > 2 {
		return nil, errECRParameter("rules", "Member must have length less than or equal to 2")
	}
	for _, r := range in.Rules {
		if r.ScanFrequency == "CONTINUOUS_SCAN" && in.ScanType == "BASIC" ||
			!slices.Contains([]string{"SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL"}, r.ScanFrequency) {
			return nil, errECRParameter(
				"scanFrequency",
				"Member must satisfy enum value set: [SCAN_ON_PUSH, MANUAL], with ENHANCED also CONTINUOUS_SCAN",
			)
		}
		for _, f := range r.Filters {
			if f.FilterType != "WILDCARD" || f.Filter == "" {
				return nil, errECRParameter("repositoryFilters", "Filters are of type WILDCARD and not empty")
			}
		}
	}
	reg.settings.scanning = in
	return struct {
		Scanning registryScanning `json:"registryScanningConfiguration"`
	}{reg.scanning()}, nil
}

// accountSettings are the settings that ECR has, each with its default first.
func accountSettings() map[string][]string {
	return map[string][]string{
		"BASIC_SCAN_TYPE_VERSION": {"AWS_NATIVE", "CLAIR"},
		"REGISTRY_POLICY_SCOPE":   {"V2", "V1"},
		"BLOB_MOUNTING":           {"DISABLED", "ENABLED"},
	}
}

type accountSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func getAccountSetting(c *call, in *accountSetting) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:GetAccountSetting")
	if err != nil {
		return nil, err
	}
	values := accountSettings()[in.Name]
	if values == nil {
		return nil, errECRParameter("name", "The account has no such setting")
	}
	value := reg.settings.account[in.Name]
	if value == "" {
		value = values[0]
	}
	return accountSetting{in.Name, value}, nil
}

// putAccountSetting takes what the sandbox does: it keeps a scan type, whose scans
// it does not make, but neither the old scope of registry policies nor mounting.
func putAccountSetting(c *call, in *accountSetting) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:PutAccountSetting")
	if err != nil {
		return nil, err
	}
	values := accountSettings()[in.Name]
	switch {
	case !slices.Contains(values, in.Value):
		return nil, errECRParameter("value", "The setting has no such value")
	case in.Name != "BASIC_SCAN_TYPE_VERSION" && in.Value != values[0]:
		return nil, errECRParameter("value", "The sandbox plays "+in.Name+" "+values[0]+" only")
	}
	if reg.settings.account == nil {
		reg.settings.account = map[string]string{}
	}
	reg.settings.account[in.Name] = in.Value
	return *in, nil
}

type referrersInput struct {
	RegistryID     string  `json:"registryId"`
	RepositoryName string  `json:"repositoryName"`
	Subject        imageID `json:"subjectId"`
	Filter         struct {
		ArtifactTypes  []string `json:"artifactTypes"`
		ArtifactStatus string   `json:"artifactStatus"`
	} `json:"filter"`
	pageInput
}

type referrerShape struct {
	Digest         string            `json:"digest"`
	MediaType      string            `json:"mediaType"`
	ArtifactType   string            `json:"artifactType,omitempty"`
	Size           int               `json:"size"`
	Annotations    map[string]string `json:"annotations,omitempty"`
	ArtifactStatus string            `json:"artifactStatus"`
}

// listImageReferrers needs ecr:BatchGetImage, whatever its name:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
func listImageReferrers(c *call, in *referrersInput) (any, *apiError) {
	_, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:BatchGetImage")
	if err != nil {
		return nil, err
	}
	all := []referrerShape{}
	for _, r := range repo.store.referrersOf(in.Subject.ImageDigest, "") {
		wanted := len(in.Filter.ArtifactTypes) == 0 || slices.Contains(in.Filter.ArtifactTypes, r.ArtifactType)
		if wanted && in.Filter.ArtifactStatus != "ARCHIVED" {
			all = append(all, referrerShape{r.Digest, r.MediaType, r.ArtifactType, r.Size, r.Annotations, "ACTIVE"})
		}
	}
	list, next, err := page(all, in.pageInput, func(r referrerShape) string { return r.Digest })
	if err != nil {
		return nil, err
	}
	return struct {
		Referrers []referrerShape `json:"referrers"`
		NextToken string          `json:"nextToken,omitempty"`
	}{list, next}, nil
}

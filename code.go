package pullpass

// Code names one way to fail, for programs: "registry_tie". A code never changes its
// meaning. Most codes are written where they are given and read by people; those on
// which this program itself acts have a constant here, so that a rename cannot turn
// one decision into another.
type Code = string

// The codes on which programs act.
const (
	// CodeNoRegistry: nothing is configured for the host. A pull may go on without a
	// credential, and after no other refusal.
	CodeNoRegistry Code = "no_registry"
	// CodeLoginRequired: the registry asks for a login, and none was sent.
	CodeLoginRequired Code = "login_required"
	// CodeLoginRefused: the registry refused the login that was sent.
	CodeLoginRefused Code = "login_refused"
	// CodeManifestUnknown: the registry does not have the image.
	CodeManifestUnknown Code = "manifest_unknown"
	// CodeEgressForbidden: the operator has not allowed the address.
	CodeEgressForbidden Code = "egress_forbidden"
	// CodeTLSNotSpoken: the host answers in HTTP where HTTPS was spoken.
	CodeTLSNotSpoken Code = "tls_not_spoken"
	// CodeAWSDenied: AWS refused the call for want of a permission.
	CodeAWSDenied Code = "aws_denied"
	// CodeDiskReserved: the room that is left on the disk of the database is kept for
	// issuing credentials.
	CodeDiskReserved Code = "disk_reserved"
	// CodeRunnerCloned: a second machine runs with this runner's identity.
	CodeRunnerCloned Code = "runner_cloned"
)

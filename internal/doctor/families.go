package doctor

import "regexp"

// family is one way in which other programs say a symptom. Several families may lead
// to one symptom: they then say more precisely which of its causes it is.
type family struct {
	code  string
	said  *regexp.Regexp
	cause string // instead of the symptom's
	fix   string // instead of the symptom's
}

func saidAs(code, pattern string) family { return family{code: code, said: saying(pattern)} }

// because gives the family a cause and a fix of its own.
func (f family) because(cause, fix string) family {
	f.cause, f.fix = cause, fix
	return f
}

// families lists all of them. They are tried in order: what names a cause goes before what only wraps it.
// Programs wrap each other's messages (docker around a registry, a kubelet around
// containerd, ECS around both), so the innermost reason is what counts.
func families() []family {
	var all []family
	for _, group := range [][]family{
		localFamilies, webIdentityFamilies, identityFamilies, layerFamilies, serviceFamilies, loginFamilies,
		networkFamilies, contentFamilies, registryFamilies,
	} {
		all = append(all, group...)
	}
	return all
}

// localFamilies are about the machine that pulls.
var localFamilies = []family{
	saidAs("disk_full", `no space left on device|disk quota exceeded|not enough space|insufficient free space`),
	saidAs("layer_unpack", `lchown .*(invalid argument|operation not permitted)|insufficient uids or gids|potentially insufficient .*ids available|failed to register layer: .*(operation not permitted|invalid argument)`),
	saidAs("engine", `cannot connect to the docker daemon|is the docker daemon running|permission denied while trying to connect to the docker|docker daemon socket|unable to connect to podman|failed to connect to containerd|/run/containerd/containerd\.sock`),
	saidAs("signature_policy", `source image rejected|rejected by policy|image policy webhook|no signature found|no matching signatures`),
	saidAs("not_pulled", `errimageneverpull|pull policy (of|is) never|imagepullpolicy of never`),
	saidAs("kubelet_provider", `credential provider plugin|image-credential-provider`),
	saidAs("login_command", `non tty device|unknown shorthand flag: 'e' in -e|argument operation: invalid choice.*get-login|invalid choice:? '?get-login'?|must provide --username with --password-stdin|cannot perform an interactive login|password is empty|requires at least 1 argument.*login`),
	saidAs("throttled", `pull qps exceeded`).because(
		"The kubelet itself limits how many pulls it begins in a second; no registry refused.",
		"Wait, it tries again by itself; or raise registryPullQPS and registryBurst in the kubelet's configuration."),
}

// webIdentityFamilies are about STS and the tokens of CI systems and clusters.
var webIdentityFamilies = []family{
	saidAs("id_token_missing", `actions_id_token_request_(url|token)|id-token permission|id_token permission|no id_tokens`),
	saidAs("web_identity", `thumbprint`).because(
		"IAM compares the certificate of the token's issuer with the thumbprints of the account's OIDC provider, and none matches: the issuer has a new certificate or a private authority.",
		"Write the new thumbprint into the provider: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn ARN --thumbprint-list THUMBPRINT."),
	saidAs("web_identity", `incorrect token audience|invalid audience|audience (is )?(not|in)|aud claim`).because(
		"The token's audience is not one that the account's OIDC provider lists or the trust policy tests.",
		"Ask for the token with the audience sts.amazonaws.com, or add its audience to the provider: aws iam add-client-id-to-open-id-connect-provider. Compare both: pullpass policy explain pull IMAGE --token FILE --role ARN --live."),
	saidAs("web_identity", `couldn'?t retrieve verification key|verification key from your identity provider|idpcommunicationerror|unable to (fetch|retrieve|get) .{0,40}(jwks|keys)|failed to (fetch|retrieve|get) .{0,40}jwks|key id .* not found`).because(
		"AWS cannot get the keys that signed the token: the issuer's /.well-known/openid-configuration or its key set is not reachable from the internet, has another certificate, or lacks the key.",
		"Open the issuer's address from outside: curl ISSUER/.well-known/openid-configuration; for an issuer of Pullpass: pullpass idp check."),
	saidAs("web_identity", `token must be issued within|invalididentitytoken.{0,120}expired|web ?identity.{0,200}(token|jwt).{0,40}expired|expiredtoken.{0,120}webidentity`).because(
		"The identity token has expired: AWS got it after its end, or a clock is off.",
		"Ask for a new token right before the call; set the clock: timedatectl set-ntp true."),
	saidAs("web_identity", `not authorized to perform:? ?sts:AssumeRoleWithWebIdentity`).because(
		"The role's trust policy does not accept this token: its provider, audience or subject is another one than the policy tests. (A role that does not exist is answered in the same words.)",
		"Compare the token's claims with the trust policy, condition by condition: pullpass policy explain pull IMAGE --token FILE --role ROLE_ARN --live."),
	saidAs("web_identity", `no openidconnect provider found`),
	saidAs("web_identity", `request arn is invalid|source account id is needed if the role name is provided`).because(
		"What was given as the role is not the ARN of a role.",
		"Write it whole: arn:aws:iam::ACCOUNT:role/NAME; in a CI system, check that the variable that holds it is set for this job."),
	saidAs("web_identity", `invalididentitytoken|idprejectedclaim|assumerolewithwebidentity|could not assume role with oidc`),
}

// identityFamilies are about the AWS identity of who asks.
var identityFamilies = []family{
	saidAs("session_duration", `durationseconds exceeds|session limit for roles assumed by role chaining|exceeds the maxsessionduration`),
	saidAs("role_denied", `not authorized to perform:? ?sts:TagSession`).because(
		"The session is asked to carry tags, and the role's trust policy (or the caller's identity policy) does not allow sts:TagSession.",
		"Allow sts:TagSession beside sts:AssumeRole to the same principal in the trust policy of ROLE."),
	saidAs("role_denied", `roles may not be assumed by root accounts`).because(
		"The root user of an account cannot assume a role.",
		"Use an IAM user or a role as the caller."),
	saidAs("role_denied", `multifactorauthentication failed|mfa (code|token)|accessdenied.*mfa`).because(
		"The role's trust policy asks for multi-factor authentication, and the code is missing, wrong or used.",
		"Give the device and a new code: --serial-number ARN --token-code CODE."),
	saidAs("clock", `requestexpired|requesttimetooskewed|signature expired|signature not yet current|certificate is not yet valid|token used before issued`),
	saidAs("session_expired", `expiredtoken|sso session .* (has )?expired|security token included in the request is expired|token has expired and refresh failed|error loading sso token`),
	saidAs("key_unknown", `unrecognizedclientexception|invalidclienttokenid|invalidaccesskeyid|authfailure|security token included in the request is invalid|regiondisabledexception|sts is not activated in this region`),
	saidAs("signature", `signaturedoesnotmatch|invalidsignatureexception|incompletesignature`),
	saidAs("no_identity", `config profile \(.*\) could not be found|failed to (get|load) shared config profile|profile .* (not found|does not exist)`).because(
		"The AWS client is told to use a profile that its configuration files do not have.",
		"List the profiles: aws configure list-profiles; or unset AWS_PROFILE. In a container, mount ~/.aws or use another identity."),
	saidAs("no_identity", `(169\.254\.169\.254|169\.254\.170\.2|latest/api/token|ec2 imds|imds).{0,200}(timeout|timed out|deadline|no route|refused|exceeded|unreachable|404|403)`).because(
		"No other identity is there, and the machine's metadata service does not answer: it is not an EC2 or ECS machine, has no role, or stands behind a hop limit of 1, which a container does not pass.",
		"Give the machine a role; in a container on EC2, IMDSv2 needs a hop limit of 2: aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2."),
	saidAs("no_identity", `nocredentialproviders|no valid providers in chain|unable to (locate|find|load) .{0,30}credentials|no valid credential sources|could not load credentials from any providers|credentials could not be loaded|could not find .{0,30}credentials|no ec2 imds role found|failed to refresh cached credentials|no aws credentials|ec2rolerequesterror|static credentials are empty|missing credentials in config`),
	saidAs("region_missing", `must specify a region|missingregion|missing region|region is missing|could not find region configuration|no region (was )?(specified|provided|found)|"region" is not set|invalid aws region: ?$`),
}

// serviceFamilies are about AWS services around ECR.
var serviceFamilies = []family{
	saidAs("tag_immutable", `imagetagalreadyexists|(tag|repository) is immutable|cannot be overwritten because|is immutable`),
	saidAs("tag_invalid", `invalid parameter at 'imagetag'|invalid tag format|tag .* (must match|does not match)|invalid reference format.*tag`),
	saidAs("policy_refused", `'policytext'|invalid repository policy provided|malformedpolicydocument|malformed policy|invalid principal in policy|principal not found|has prohibited field|policy document (is|should)|setrepositorypolicy.*invalidparameter`),
	saidAs("lambda_image", `lambda does not have permission to access the ecr image|source image .* is not valid|lambda lost permission|imageaccessdenied`),
	saidAs("media_type", `media type for the source image|media type .* (is )?not supported|unsupported (manifest )?media ?type|unknown manifest class|unsupported manifest|manifest invalid|manifest_invalid|invalid media type|unsupportedimagetype|unsupported media type|schema ?(version )?1|prettyjws|docker image format v1|unexpected media type|415 unsupported`),
	saidAs("repository_exists", `repositoryalreadyexists`),
	saidAs("repository_not_empty", `repositorynotempty|ecr repository .* not empty`),
	saidAs("unscoped", `packedpolicytoolarge|packed size|packedpolicysize`).because(
		"The session policy and tags together are larger than AWS packs into a session.",
		"Name fewer repositories in the session, or patterns instead of names, and fewer tags."),
}

// layerFamilies are AWS's own sentences about policies. The layer that it names goes
// before the action, because the same action has another cure in each layer.
var layerFamilies = []family{
	saidAs("denied_explicitly", `explicit deny`),
	saidAs("boundary_denied", `no permissions boundary allows`),
	saidAs("organization_denied", `no service control policy allows`),
	saidAs("resource_control_denied", `no resource control policy allows`),
	saidAs("endpoint_denied", `no vpc endpoint policy allows`),
	saidAs("upstream_denied", `authentication to the upstream registry|upstream registry .{0,80}(fail|refus|denied|unauthorized)`),
	saidAs("key_denied", `customer master key|kmsexception|kms key .{0,60}(disabled|pending deletion|not found|does not exist)|not authorized to perform:? ?kms:`),
	saidAs("session_denied", `no session policy`),
	saidAs("owner_denied", `no resource-based policy|repositorypolicynotfound`),
	saidAs("role_denied", `not authorized to perform:? ?sts:AssumeRole|is not authorized to assume`),
	saidAs("token_denied", `not authorized to perform:? ?ecr(-public)?:GetAuthorizationToken`),
	saidAs("caller_denied", `no identity-based policy`),
	saidAs("aws_denied", `not authorized to perform:? ?[a-z0-9-]+:[a-z]+`).because(
		"No policy allows ACTION to the caller (PRINCIPAL).",
		"Allow ACTION in an identity policy of the caller (PRINCIPAL)."),
}

// loginFamilies are about logins and the programs that keep them.
var loginFamilies = []family{
	saidAs("helper_cannot_store", `(storing|saving) credentials(?s:.*)not implemented`),
	saidAs("helper_failed", `error (storing|saving) credentials|stub received bad data|pass not initialized|cannot autolaunch d-?bus`+
		`|specified logon session|already exists in the keychain|user interaction is not allowed`),
	saidAs("docker_login", `docker-credential-[a-z0-9._-]+.{0,60}(executable file not found|no such file|not found|exec format error)`).because(
		"Docker's configuration names the credential helper HELPER, and that program is not on PATH where the pull runs, or was built for another machine.",
		"Install HELPER there, or remove the entry that names it (credsStore, credHelpers) from ~/.docker/config.json."),
	saidAs("docker_login", `error getting credentials|credential helper .{0,80}(failed|error)`),
	saidAs("token_expired", `authorization token has expired`),
	saidAs("no_credential", `no basic auth credentials|unauthenticated requests? do not have permission`),
	saidAs("throttled", `toomanyrequests|too many requests|throttling|rate exceeded|requestlimitexceeded|pull rate limit`+
		`|rate ?limit (exceeded|reached)|data limit exceeded|\b429\b`),
}

// networkFamilies are about the way to the registry.
var networkFamilies = []family{
	saidAs("push_too_large", `\b413\b|entity too large`),
	saidAs("proxy", `proxyconnect|proxy authentication required|\b407\b|error parsing http \d+ response body: invalid character '<'`+
		`|unexpected content type "?text/html|invalid character '<' looking for beginning of value|zscaler|forcepoint|bluecoat`),
	saidAs("dns", `no such host|server misbehaving|could not resolve host|temporary failure in name resolution|name or service not known`+
		`|nodename nor servname|enotfound|eai_again|i/o timeout.{0,40}lookup|lookup .{0,200}i/o timeout`),
	saidAs("dns", `could not connect to the endpoint url|endpointconnectionerror`).because(
		"The AWS client got no connection to this address: the region REGION is misspelled or does not exist, so its name does not resolve, or the network has no way there.",
		"Check the region's name (aws account list-regions), then the route or the VPC endpoint of this service."),
	saidAs("tls_untrusted", `certificate has expired or is not yet valid|certificate has expired`).because(
		"The certificate that the registry or a proxy before it shows has expired, or this machine's clock is wrong.",
		"Compare the clock with the dates in the message (timedatectl set-ntp true); if it is right, whoever runs the registry or proxy renews the certificate."),
	saidAs("tls_untrusted", `certificate is (valid for|not valid for)|cannot validate certificate for|doesn't contain any ip sans|legacy common name`).because(
		"The certificate is for another name than the one that the image's host uses.",
		"Write the image with a name that the certificate has, or give the registry a certificate for this name."),
	saidAs("tls_not_spoken", `http response to https client|first record does not look like a tls handshake|wrong version number|record overflow`),
	saidAs("tls_untrusted", `x509:|certificate signed by unknown authority|certificate verify failed|unable to get local issuer certificate|self.signed certificate`),
	saidAs("refused", `connection refused|no route to host|network is unreachable|econnrefused|ehostunreach`),
	saidAs("timeout", `i/o timeout|tls handshake timeout|deadline exceeded|awaiting headers|waiting for connection|connect timeout|timed out|etimedout`),
}

// contentFamilies are about what an image is.
var contentFamilies = []family{
	saidAs("layer_denied", `<code>accessdenied</code>|starport-layer-bucket`),
	saidAs("platform_missing", `no matching manifest for|no image satisfies requested platform|no match for platform|does not match the (specified|detected|requested|host) platform`+
		`|image operating system .{0,40} cannot be used|exec format error|no image found in (manifest list|image index) for`),
	saidAs("content_refused", `digest mismatch|digest did not match|failed to verify|failed commit on ref|layer verification failed|unexpected commit digest|failed size validation|checksum mismatch`),
	saidAs("broken", `connection reset by peer|unexpected eof|\beof\b|broken pipe|stream error|http2: client connection lost|econnreset`),
	saidAs("repository_unknown", `name unknown|name_unknown|name_invalid|repositorynotfoundexception|repository .{0,200} (not found|does not exist in the registry)`),
	saidAs("image_unknown", `manifest unknown|manifest_unknown|requested image not found|imagenotfoundexception|manifest for .{0,300} not found|failed to resolve reference .{0,300}: not found|tag .{0,200} (not found|does not exist)`),
	saidAs("reference_invalid", `short-name`).because(
		"The name has no host, and this machine does not search registries for short names.",
		"Write the image with its host: docker.io/library/alpine:3, or HOST/REPOSITORY:TAG."),
	saidAs("reference_invalid", `invalid reference format|could not parse reference|invalidimagename|repository name must be lowercase|couldn't parse image`),
}

// registryFamilies are what registries answer, in the words of many clients. They
// go last: the same answers wrap everything above.
var registryFamilies = []family{
	saidAs("login_refused", `incorrect username or password|invalid username/password|unauthorized: .{0,60}password|http basic: access denied`+
		`|cannot be authenticated with the token|authentication failed|bad credentials|failed to fetch oauth token.{0,400}\b40[01]\b|login attempt to .{0,200}\b401\b`),
	saidAs("denied", `client with ip .{0,60} is not allowed|firewall|ip .{0,40}not (in|on) .{0,20}allow`).because(
		"The registry refuses the address that the request comes from; the login is not the cause.",
		"Let whoever runs the registry allow this network, or pull through an address that it allows."),
	saidAs("denied", `requested access to the resource is denied|insufficient_scope|pull access denied|permission_denied|artifactregistry\.[a-z.]+.{0,20} denied|denied: permission`).because(
		"The repository does not exist under this name, or this login may not use it: a registry gives the same answer to both. It says nothing about the password.",
		"Compare account, repository and spelling of the image; then see what the login may pull or push: pullpass doctor IMAGE"),
	saidAs("no_credential", `authentication required|failed to fetch anonymous token.{0,300}\b40[13]\b|unauthorized: not authorized`),
	saidAs("registry_failed", `\b50[0234]\b.{0,3}(internal|bad gateway|service|gateway)|(status|code|http|error)[^0-9]{0,12}50[0234]\b`),
	saidAs("method_refused", `405 method not allowed|status(code)?:? ?405|method not allowed|"?unsupported"?: the operation is unsupported`),
	saidAs("denied", `403 forbidden|(status|code)[^0-9]{0,12}403\b|error code: 403`).because(
		"The registry refuses this login for this repository. The status comes without a reason (a HEAD request has no body); at ECR it is a token older than 12 hours, or a policy that does not allow the pull.",
		"Fetch a new token first: aws ecr get-login-password --region REGION. If it is refused too, ask for the reason: pullpass doctor IMAGE."),
	saidAs("no_credential", `401 unauthorized|(status|code)[^0-9]{0,12}401\b`),
	saidAs("image_unknown", `404 not found|(status|code)[^0-9]{0,12}404\b`),
	saidAs("wrong_region", `login attempt to .{0,200}400 bad request|/v2/: ?(unexpected status code )?400 bad request|/v2/ failed with status: 400|invalid authorization token`),
	saidAs("aws_denied", `accessdenied(exception)?`),
	saidAs("denied", `\bdenied: `),
}

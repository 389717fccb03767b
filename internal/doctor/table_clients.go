package doctor

// clientSymptoms are the rows that no pull of ours produces: what other programs
// and services say around a pull. They are recognized in text only.
var clientSymptoms = []Symptom{
	{
		Code: "region_missing", FromText: true, Seen: "You must specify a region",
		Cause: "The AWS client does not know which region to ask: neither a flag, AWS_REGION nor a profile names one.",
		Fix:   "Name the region of the image's host: aws ecr get-login-password --region REGION, or set AWS_REGION.",
	},
	{
		Code: "session_duration", FromText: true, Seen: "DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
		Cause: "The session is asked to last longer than AWS allows: one hour for a role that is assumed with another role's session, otherwise the role's MaxSessionDuration.",
		Fix:   "Ask for at most 3600 seconds, or raise the role's maximum: aws iam update-role --role-name ROLE --max-session-duration SECONDS (not for role chaining).",
	},
	{
		Code: "id_token_missing", FromText: true, Seen: "Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable",
		Cause: "The CI job has no identity token: nothing in its configuration asks for one.",
		Fix:   "GitHub Actions: give the job the permissions id-token: write and contents: read. GitLab CI: add id_tokens with the audience to the job.",
	},
	{
		Code: "policy_refused", FromText: true, Seen: "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
		Cause: "AWS does not accept the policy document: its JSON, a principal that does not exist, an action of another service, or a Resource, which a repository policy may not have.",
		Fix:   "Check the file: pullpass policy lint FILE. A valid one: pullpass policy repository --account ACCOUNT --region REGION --repository REPOSITORY --principal PRINCIPAL.",
	},
	{
		Code: "media_type", FromText: true, Seen: "The image manifest, config or layer media type for the source image … is not supported",
		Cause: "What was asked for has a form that this program or service does not take: an index where one image is wanted, attestations, an artifact, or a schema 1 image.",
		Fix:   "Build a single image without attestations and push it again: docker buildx build --platform linux/amd64 --provenance=false --sbom=false --push -t IMAGE .",
	},
	{
		Code: "method_refused", FromText: true, Seen: "405 Method Not Allowed",
		Cause: "The registry does not carry out this kind of request: a manifest that refers to another one (a signature, an attestation, an SBOM), a delete, or a push to a read-only mirror.",
		Fix:   "Push without attestations (docker buildx build --provenance=false --sbom=false), let the signing tool store signatures as tags instead of referrers, or push to the registry that the mirror copies.",
	},
	{
		Code: "tag_invalid", FromText: true, Seen: "Invalid parameter at 'imageTag' failed to satisfy constraint",
		Cause: "The tag (TAG) is not one that a registry can keep: letters, digits, '_', '.' and '-' only, at most 128 characters, and the first is neither '.' nor '-'. A '+' of a version number is not allowed.",
		Fix:   "Write another character instead, as helm does: 1.4.0+build becomes 1.4.0_build.",
	},
	{
		Code: "disk_full", FromText: true, Seen: "no space left on device",
		Cause: "The disk where the images are stored is full, or has no inodes left. The registry and the login are not the cause.",
		Fix:   "Make room on that machine: docker system prune, or crictl rmi --prune on a Kubernetes node; then pull again.",
	},
	{
		Code: "layer_unpack", FromText: true, Seen: "failed to register layer: lchown …: invalid argument",
		Cause: "The layer arrived and cannot be unpacked: without root there are too few user ids (subuid, subgid), or the file system refuses owners or attributes.",
		Fix:   "Give the user at least 65536 ids in /etc/subuid and /etc/subgid (podman system migrate afterwards), or unpack on a file system that supports them.",
	},
	{
		Code: "proxy", FromText: true, Seen: "proxyconnect tcp, 407 Proxy Authentication Required",
		Cause: "A proxy between the client and the registry answers instead of the registry: it cannot be reached, wants a login, blocks the address, or shows a page of its own.",
		Fix:   "Set HTTPS_PROXY and NO_PROXY for the program that pulls (for Docker: the daemon's, not the shell's), and let the proxy pass HOST and the storage of its layers.",
	},
	{
		Code: "engine", FromText: true, Seen: "Cannot connect to the Docker daemon",
		Cause: "The client does not reach its engine: it does not run, its socket is somewhere else, or the user may not open the socket. No registry was asked.",
		Fix:   "Start the engine, or name its address in DOCKER_HOST; in a CI job, add the docker:dind service or use a builder that needs no engine.",
	},
	{
		Code: "helper_failed", FromText: true, Seen: "error storing credentials … The stub received bad data",
		Cause: "The credential helper can store logins, and its keychain refused this one: it is locked or absent (no desktop session, pass not initialized), or the token is too long for it (Windows keeps 2,560 bytes).",
		Fix:   "Let a helper fetch the login instead of storing it: \"credHelpers\": {\"HOST\": \"pullpass\"} in config.json, and leave docker login out.",
	},
	{
		Code: "login_command", FromText: true, Seen: "Cannot perform an interactive login from a non TTY device",
		Cause: "The login command itself is wrong, so nothing was sent: get-login of AWS CLI version 1, a flag that docker no longer has, or no password on standard input because the command before it failed.",
		Fix:   "aws ecr get-login-password --region REGION | docker login --username AWS --password-stdin HOST; look at what the first command says by itself.",
	},
	{
		Code: "not_pulled", FromText: true, Seen: "ErrImageNeverPull",
		Cause: "The Pod's imagePullPolicy is Never, and the node does not have the image.",
		Fix:   "Set imagePullPolicy: IfNotPresent, or load the image onto the node.",
	},
	{
		Code: "kubelet_provider", FromText: true, Seen: "error execing credential provider plugin",
		Cause: "The kubelet runs a credential provider for this image, and it is not there, failed, or answered in another API version.",
		Fix:   "On the node, compare --image-credential-provider-config and --image-credential-provider-bin-dir with the program's name and its apiVersion; the kubelet's log has the program's own words.",
	},
	{
		Code: "signature_policy", FromText: true, Seen: "Source image rejected: … rejected by policy",
		Cause: "The machine's signature policy (policy.json, an admission controller) does not accept the image. The registry and the login are not the cause.",
		Fix:   "Sign the image as the policy demands, or let /etc/containers/policy.json or the admission rule accept this repository.",
	},
	{
		Code: "push_too_large", FromText: true, Seen: "413 Request Entity Too Large",
		Cause: "A proxy or ingress before the registry limits the size of a request, and a layer is larger.",
		Fix:   "Raise its limit (nginx: client_max_body_size 0), or push smaller layers.",
	},
	{
		Code: "repository_exists", FromText: true, Seen: "RepositoryAlreadyExistsException",
		Cause: "A repository of this name exists in this account and region already.",
		Fix:   "Take it over instead of creating it: terraform import aws_ecr_repository.NAME REPOSITORY, or choose another name.",
	},
	{
		Code: "repository_not_empty", FromText: true, Seen: "RepositoryNotEmptyException",
		Cause: "The repository still has images, and AWS deletes it only by force.",
		Fix:   "Delete its images first, or use force: aws ecr delete-repository --force, force_delete in Terraform. The images are lost then.",
	},
	{
		Code: "lambda_image", FromText: true, Seen: "Lambda does not have permission to access the ECR image",
		Cause: "The Lambda service pulls by itself: the repository policy does not allow lambda.amazonaws.com (across accounts also the function's account), or the image is not in a private ECR repository of the function's own region.",
		Fix:   "Allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer to lambda.amazonaws.com in the repository policy, with aws:SourceArn of the function, and use the repository of the function's region.",
	},
}

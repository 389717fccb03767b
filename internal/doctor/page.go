package doctor

// page is what docs/doctor.md says before the table.
const page = `# The doctor

` + "`pullpass doctor`" + ` makes one pull step by step, with the same parts that a real pull uses, and says
where it breaks, why, and what to do. The exit code is 0 if every step works and 1 if not;
` + "`--json`" + ` has the same in a stable form.

<!-- not run: the words in capitals are the reader's -->
` + "```sh" + `
pullpass doctor IMAGE                            # from here, with your own AWS identity
pullpass doctor IMAGE --profile NAME             # with a profile of ~/.aws/config
pullpass doctor IMAGE --username ada             # with a password from standard input
pullpass doctor IMAGE --anonymous                # with nothing
pullpass doctor IMAGE --project payments         # with the credential that the server issues
pullpass doctor ENVIRONMENT                      # its conditions, and its images from its runner
pullpass doctor ENVIRONMENT --here               # the images from this machine instead
pullpass doctor REGISTRY                         # with what the server has stored: from there, or the runners it is limited to
pullpass doctor REGISTRY --runner build-1        # from this runner; can be repeated, and server is the server
pullpass doctor --message error.txt              # what a message of docker, aws or kubectl means
pullpass registry test NAME --repository team/app
pullpass registry add NAME --host HOST --test    # before anything is saved: on each --runner, else on the server
pullpass registry add NAME --host HOST --test --test-on build-1 # on this one instead
pullpass integration test NAME                   # who AWS says it is, and each role of its chain
pullpass integration test NAME --runner build-1  # runner-native: who that runner is
` + "```" + `

The steps: the reference is read (` + "`parse`" + `), the registry is found (` + "`registry`" + `), what Docker has stored
for it (` + "`logins`" + `), its name is resolved (` + "`dns`" + `), connected (` + "`tcp`" + `) and secured (` + "`tls`" + `), the
clocks are compared (` + "`clock`" + `, only if they differ), AWS says who asks (` + "`identity`" + `), each role is
assumed (` + "`role`" + `) and narrowed (` + "`scope`" + `), a token is fetched (` + "`token`" + `), the registry's front
door opens (` + "`v2`" + `), the ` + "`manifest`" + `, the ` + "`config`" + `, the first and the largest ` + "`layer`" + ` are fetched
and their digests checked. At last, where policies can be read, the evaluator says which statement is
missing (` + "`policy`" + `).

## Where the steps run

What holds on one machine need not hold on another, so a diagnosis says where it was made: ` + "`here`" + `,
` + "`server`" + ` or ` + "`runner NAME`" + `. A test on a runner is made by the runner: in its network, with its host
mappings and egress rules, and, for ` + "`runner-native`" + `, with its own AWS identity. What else opens a
registry the server gets for this one test, limited to the repository and to pulling, records it
(` + "`credential.issue`" + ` or ` + "`credential.grant`" + `, with the test's id) and gives it to the runner once. The
password of settings that are not saved waits for the runner sealed, a minute at most, and is gone when
the runner takes it. Whoever asks waits at most 45 seconds; a runner that is stopped, too old or without
its engine is named at once, with what to do. What names resolve to inside a hosted runner's or the
server's network is not told. With several places the JSON is ` + "`{\"healthy\": …, \"places\": [ … ]}`" + `.

No secret is part of a diagnosis.

## Messages

` + "`pullpass doctor --message FILE`" + ` (` + "`-`" + ` reads standard input) says what a message of another program means:
docker, containerd, a kubelet, podman, skopeo, kaniko, helm, Terraform, ECS, Lambda, the AWS CLI, GitHub Actions
and GitLab Runner. Programs wrap each other's messages; the innermost reason decides. Account, region, repository,
image, principal and action are read from the message and filled into cause and fix; ` + "`--json`" + ` has them as
` + "`facts`" + `. Where a message names no cause, the command exits with 1 and says what would tell.

## Symptoms

Tests produce every row against the sandbox and real clients, some by faults that the sandbox is told to
make (throttling, failures of AWS, refusing endpoints), except pull_secret_late and the rows marked "recognized
in text": other programs say them, and internal/doctor/testdata/messages.txt has an example of each.
`

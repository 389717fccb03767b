package doctor

// page is what docs/doctor.md says before the table.
const page = `# The doctor

` + "`pullpass doctor`" + ` makes one pull step by step, with the same parts that a real pull uses, and says
where it breaks, why, and what to do. The exit code is 0 if every step works and 1 if not;
` + "`--json`" + ` has the same in a stable form.

` + "```sh" + `
pullpass doctor IMAGE                            # from here, with your own AWS identity
pullpass doctor IMAGE --profile NAME             # with a profile of ~/.aws/config
pullpass doctor IMAGE --username ada             # with a password from standard input
pullpass doctor IMAGE --anonymous                # with nothing
pullpass doctor IMAGE --project payments         # with the credential that the server issues
pullpass doctor ENVIRONMENT                      # its conditions, and its images from here
pullpass doctor REGISTRY                         # from the server, with what is stored there
pullpass doctor --message error.txt              # what a message of docker, aws or kubectl means
pullpass registry test NAME --repository team/app
pullpass registry add NAME … --test              # before anything is saved
pullpass integration test NAME                   # who AWS says it is, and each role of its chain
` + "```" + `

The steps: the reference is read (` + "`parse`" + `), the registry is found (` + "`registry`" + `), what Docker has stored
for it (` + "`logins`" + `), its name is resolved (` + "`dns`" + `), connected (` + "`tcp`" + `) and secured (` + "`tls`" + `), the
clocks are compared (` + "`clock`" + `, only if they differ), AWS says who asks (` + "`identity`" + `), each role is
assumed (` + "`role`" + `) and narrowed (` + "`scope`" + `), a token is fetched (` + "`token`" + `), the registry's front
door opens (` + "`v2`" + `), the ` + "`manifest`" + `, the ` + "`config`" + `, the first and the largest ` + "`layer`" + ` are fetched
and their digests checked. At last, where policies can be read, the evaluator says which statement is
missing (` + "`policy`" + `).

A test on the server runs where the server runs; a runner may see another network. No secret is part of
a diagnosis.

## Symptoms
`

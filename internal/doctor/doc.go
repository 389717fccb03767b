// Package doctor checks one pull step by step and says where it breaks, why, and
// what to do.
//
// The one idea: the doctor makes the very calls that a pull makes, one at a time
// and with the same parts, and reads the same refusals; it has no opinion of its
// own on what should work. Afterwards, where policies can be read, the evaluator
// (internal/iam) says which statement is missing.
//
//	d := doctor.New(doctor.Options{HTTP: client, Registries: registries, Hosts: hosts, Where: doctor.Here})
//	diagnosis := d.Examine(ctx, doctor.Pull{Image: "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4", Opener: opener})
//	if !diagnosis.Healthy {
//		fmt.Println(diagnosis.Cause, diagnosis.Fix)
//	}
//
// No secret gets into a diagnosis: credentials pass through it as
// pullpass.Secret, and what a registry sends back is searched for them.
package doctor

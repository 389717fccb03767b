// Package e2e tests what is shipped: the built programs as processes, beside real
// daemons. What they are told, they are told through their command line and API.
package e2e

// Package webhook carries an organization's audit records to an address of its
// choice.
//
// The one idea: the audit log is the queue. A hook is a position in it; records
// go out in order, the position moves when the receiver has said 2xx, and of
// several servers the one that holds the hook's lease carries. So each record
// arrives at least once, and none overtakes another.
//
//	d := webhook.New(webhook.Options{Store: db, HTTP: egressClient})
//	go d.Run(ctx)
//
//	body, err := io.ReadAll(r.Body) // the receiver's side
//	err = webhook.Verify(secret, r.Header, body, time.Now())
//
// A receiver that fails is tried again, ever less often; after a day the hook is
// paused, and says so until somebody tests it or sets it anew.
package webhook

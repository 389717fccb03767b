package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"syscall"
)

// onHangup calls reload for each SIGHUP until ctx ends. A server or runner that is
// not told otherwise would end at a closed terminal or a `systemctl reload`.
func onHangup(ctx context.Context, log *slog.Logger, reload func() error) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				if err := reload(); err != nil {
					log.Error("reloading failed; what was in force stays", "error", err)
					continue
				}
				log.Info("reloaded")
			}
		}
	}()
}

// reread reads flags, environment and configuration file again, as at the start.
type reread func() (*commandLine, error)

// warnUnread names the options that have changed and take a restart.
func warnUnread[T any](log *slog.Logger, before, now T) {
	was, is := reflect.ValueOf(before), reflect.ValueOf(now)
	for i := range was.NumField() {
		name := was.Type().Field(i).Name
		if name != "Log" && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			log.Warn("an option has changed and takes effect with the next start only", "option", name)
		}
	}
}

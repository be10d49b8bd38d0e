package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"
)

const modulePath = "github.com/expanse-go/session"

// version returns the version of the module cmd/beam, which always equals the version of the
// library; "(devel)" in a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path != modulePath+"/cmd/beam" || info.Main.Version == "" || info.Main.Replace != nil {
		return "(devel)"
	}
	return info.Main.Version
}

func (a *app) version(_ context.Context, cmd *cli.Command) error {
	if cmd.Bool("json") {
		return a.json(map[string]string{"version": version(), "go": runtime.Version()})
	}
	a.printf("%s\n", fmt.Sprintf("beam %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH))
	return nil
}

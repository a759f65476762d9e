package docs_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/testenv"
)

const (
	unitFile   = "deploy/systemd/registryd.service"
	socketFile = "deploy/systemd/registryd.socket"
	verifyFile = "deploy/systemd/registryd-verify.service"
	timerFile  = "deploy/systemd/registryd-verify.timer"
)

// unit returns the settings of a unit, by "Section.Key".
func unit(t *testing.T, file string) map[string][]string {
	t.Helper()
	settings := map[string][]string{}
	section := ""
	for line := range strings.Lines(read(t, file)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				t.Fatalf("%s: %q is no setting", file, line)
			}
			settings[section+"."+key] = append(settings[section+"."+key], value)
		}
	}
	return settings
}

func TestUnitIsHardened(t *testing.T) {
	t.Parallel()
	settings := unit(t, unitFile)
	for key, want := range map[string]string{
		"Unit.Before": "nginx.service", "Unit.Requires": "registryd.socket", "Service.Type": "notify", "Service.User": "registryd", "Service.ProtectSystem": "strict",
		"Service.ProtectHome": "yes", "Service.NoNewPrivileges": "yes", "Service.StateDirectory": "registryd",
		"Service.StateDirectoryMode": "0755", "Service.KillSignal": "SIGTERM", "Service.Restart": "on-failure",
		"Service.UMask": "0022", "Service.CapabilityBoundingSet": "", "Service.MemoryDenyWriteExecute": "yes",
		"Service.SystemCallErrorNumber": "ENOSYS", "Service.RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
		"Install.WantedBy": "multi-user.target",
	} {
		if got := settings[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{"Service.MemoryMax", "Service.TasksMax", "Service.LimitNOFILE", "Service.SystemCallFilter", "Service.RestartPreventExitStatus"} {
		if len(settings[key]) == 0 {
			t.Errorf("%s is missing", key)
		}
	}
	// nginx cannot enter the directory of a DynamicUser; the boot id and
	// /proc/self are needed.
	for _, key := range []string{"Service.DynamicUser", "Service.ProcSubset", "Service.PrivateUsers"} {
		if len(settings[key]) > 0 {
			t.Errorf("%s is set", key)
		}
	}
	if reload := settings["Service.ExecReload"]; len(reload) != 2 || !strings.Contains(reload[0], "check-config") || !strings.Contains(reload[1], "kill -HUP $MAINPID") {
		t.Errorf("ExecReload is %q", reload)
	}
}

// deployed is the configuration that goes with the unit.
func deployed(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Load(config.Options{File: "registryd.yaml", Dir: filepath.Join(root, "deploy"), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUnitFitsConfiguration(t *testing.T) {
	t.Parallel()
	settings, c := unit(t, unitFile), deployed(t)
	stop, err := time.ParseDuration(settings["Service.TimeoutStopSec"][0] + "s")
	if err != nil || stop <= c.Timeouts.Drain {
		t.Errorf("systemd kills after %v, the daemon drains for %v (%v)", stop, c.Timeouts.Drain, err)
	}
	if want := "/var/lib/" + settings["Service.StateDirectory"][0]; c.Root.FS != want {
		t.Errorf("root.fs is %s, the unit may write %s", c.Root.FS, want)
	}
	if got := unit(t, socketFile)["Socket.ListenStream"]; !slices.Equal(got, []string{c.Listen[0].String()}) {
		t.Errorf("the socket is %q, listen is %v", got, c.Listen)
	}
	if !strings.Contains(read(t, "deploy/nginx/registryd.conf"), "server_name "+c.Nginx.ServerName+";") {
		t.Error("the server of deploy/nginx has another name than the configuration")
	}
	for _, key := range []string{"Service.ExecStart", "Service.ExecReload"} {
		if !strings.HasSuffix(settings[key][0], "-c "+settings["Service.WorkingDirectory"][0]+"/registryd.yaml") {
			t.Errorf("%s reads another configuration: %q", key, settings[key][0])
		}
	}
}

// The look for damage asks the daemon that the other units start, as the user
// that they start it as, and may do no more than it.
func TestVerifyUnit_Fault28(t *testing.T) {
	t.Parallel()
	daemon, verify, timer, c := unit(t, unitFile), unit(t, verifyFile), unit(t, timerFile), deployed(t)
	want := "/usr/local/bin/registryd verify -c /etc/registryd/registryd.yaml --server http://" + c.Listen[0].String()
	if got := verify["Service.ExecStart"]; !slices.Equal(got, []string{want}) {
		t.Errorf("ExecStart is %q, want %q", got, want)
	}
	for key, want := range map[string]string{
		"Service.Type": "oneshot", "Unit.Requisite": "registryd.service", "Unit.After": "registryd.service", "Service.IPAddressDeny": "any",
	} {
		if got := verify[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for key := range daemon {
		name := strings.TrimPrefix(key, "Service.")
		confines := strings.HasPrefix(name, "Protect") || strings.HasPrefix(name, "Private") || strings.HasPrefix(name, "Restrict") && name != "RestartPreventExitStatus" ||
			strings.HasPrefix(name, "SystemCall") || slices.Contains([]string{"User", "Group", "WorkingDirectory", "EnvironmentFile", "NoNewPrivileges",
			"LockPersonality", "MemoryDenyWriteExecute", "CapabilityBoundingSet", "AmbientCapabilities"}, name)
		if confines && !slices.Equal(verify[key], daemon[key]) {
			t.Errorf("%s is %q, and %q for the daemon", key, verify[key], daemon[key])
		}
	}
	if len(timer["Timer.OnCalendar"]) != 1 || !slices.Equal(timer["Timer.Persistent"], []string{"yes"}) || !slices.Equal(timer["Install.WantedBy"], []string{"timers.target"}) {
		t.Errorf("the timer is %q", timer)
	}
}

func TestUnitsAreAcceptedBySystemd(t *testing.T) {
	t.Parallel()
	analyze := testenv.Program(t, "systemd-analyze")
	// systemd-analyze wants the programs to exist, and units that belong together
	// beside each other.
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(root, "deploy", "systemd", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no units", err)
	}
	verify := []string{"verify", "--man=no"}
	for _, file := range files {
		name := filepath.Base(file)
		text := strings.ReplaceAll(read(t, "deploy/systemd/"+name), "/usr/local/bin/registryd", filepath.Join(bin, "registryd"))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		verify = append(verify, filepath.Join(dir, name))
	}
	out, err := exec.Command(analyze, verify...).CombinedOutput()
	// It also looks at units of this machine that ours depend on.
	if problems := matches(`(?m)^(.*registryd.*\.(?:service|socket|timer).*)$`, string(out)); err != nil || len(problems) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}

// TestLogrotate lets logrotate do at once what it does every month.
func TestLogrotate(t *testing.T) {
	t.Parallel()
	logrotate := testenv.Program(t, "logrotate")
	dir := t.TempDir()
	log, conf := filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "conf")
	text := read(t, "deploy/logrotate/registryd")
	for old, now := range map[string]string{"/var/lib/registryd/state/audit.jsonl": log, "su registryd registryd": ""} {
		if !strings.Contains(text, old+" ") && !strings.Contains(text, old+"\n") {
			t.Fatalf("there is no %q", old)
		}
		text = strings.ReplaceAll(text, old, now)
	}
	err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(log, []byte("{}\n"), 0o600), os.WriteFile(conf, []byte(text), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(logrotate, "--force", "--state", filepath.Join(dir, "state"), conf).CombinedOutput(); err != nil {
		t.Fatalf("logrotate: %v\n%s", err, out)
	}
	if _, err := os.Stat(log + ".1"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(log); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log is not moved: %v", err)
	}
}

// TestNginxExamples_N1 lets nginx read the examples around a generated set.
func TestNginxExamples_N1(t *testing.T) {
	t.Parallel()
	for configuration, server := range map[string]string{
		"deploy/registryd.yaml":           "deploy/nginx/registryd.conf",
		"deploy/container/registryd.yaml": "deploy/container/nginx.conf",
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			nginxReads(t, configuration, server)
		})
	}
}

// nginxReads fails the test unless nginx accepts a file for conf.d around the
// set that is generated from a configuration.
func nginxReads(t *testing.T, configuration, server string) {
	t.Helper()
	nginx := testenv.Nginx(t)
	dir := t.TempDir()
	set := filepath.Join(dir, "registryd")
	inDir(t, root, []string{"REGISTRYD_NGINX_CACHE_PATH=" + filepath.Join(dir, "cache"), "REGISTRYD_NGINX_BROTLI_STATIC=false"},
		filepath.Join(bin, "registry-nginx"), "-c", configuration, "-o", set, "--nginx", nginx)
	text := strings.ReplaceAll(read(t, server), "/etc/nginx/registryd/", set+"/")
	text = regexp.MustCompile(`(?m)^    listen 80;$`).ReplaceAllString(text, "    listen unix:"+filepath.Join(dir, "s")+";")
	whole := "pid nginx.pid; error_log stderr warn; events {} http { access_log off; client_body_temp_path t1; proxy_temp_path t2; " +
		"fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n" + text + "}\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	inDir(t, dir, nil, nginx, "-t", "-q", "-p", dir, "-c", file)
}

package command_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/command"
	"github.com/registryd/registryd/internal/testenv"
)

// compiler is the version of TypeScript that the declarations are checked with.
const compiler = "typescript@5.9.3"

// moduleText is a module in TypeScript, with all kinds of operations.
const moduleText = `import { Application, parameters, SyncHandler, ContractHandler } from 'webpoints'
const app = new Application({ name: 'app' })
app.operations['/sum'] = {
  params: { x: new parameters.NumberParam(1), u: new parameters.UnionParam('string', 'null') },
  handler: SyncHandler(function (x: number) { return x + this.request.method.length }),
}
app.operations.load({ '/safe': { handler: ContractHandler({ handler(x, callback) { callback(x) } }) } })
const allow: Middleware = (request, response, next) => { request.user = 1; response.set('X-A', 'b'); next() }
export default {
  attach({ config, name }) { log.info(name, config.greeting) },
  environment: { greeting: 'hello' },
  '/greet/:name': {
    method: 'get', middleware: [allow, 'rate-limit:5'], params: { name: { type: 'string' }, times: 'integer' },
    handler(name: string, times: number, callback: Callback) { callback(this.greeting + name.repeat(times), 200, { 'X-Task': this.taskId ?? '' }) },
  },
  '/slow': {
    longRunning: { appraise: (n: number) => n * 1000 }, params: { n: { schema: { type: 'number' } } },
    async handler(n: number) { this.request.progress(n); return { done: true } },
  },
  '/raw': (request, response) => response.status(201).json(request.body),
  '/files': { path: 'public', maxAge: 60000 },
  '/docs': 'docs',
  operations: {
    '/items/{id}': {
      params: { id: { in: 'path', type: Number } }, errors: { gone: { status: 410, msg: 'no {id}' } },
      async handler({ id }, request) { if (id === 0) throw new HttpError('gone'); request.detach(5); return { id, by: request.ip } },
    },
  },
  protocol: ['build'],
  makeBinderAPI: () => ({ status: api => api.params.name ? api._success({}) : api._noBuildInfo() }),
  makeOtherRoutes(app, auth) { app.post('/stop', auth, (_: OperationRequest, response: OperationResponse) => response.sendStatus(204)) },
  helper: (x: number) => x,
} satisfies Module & Record<string, unknown>
`

// The declarations of the host API, the samples and what "plugin new" writes are good TypeScript. REGISTRYD_OFFLINE=1
// leaves it out.
func TestDeclarations_TypeScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.NPM(t, dir, compiler)
	uses := filepath.Join(dir, "imports")
	for kind, project := range map[string]string{"ts": uses, "js": filepath.Join(dir, "script")} {
		var trouble bytes.Buffer
		if code := command.Run([]string{"plugin", "new", project, "--type", kind}, cli.Streams{Out: &trouble, Err: &trouble}, command.Own{}); code != cli.Done {
			t.Fatalf("plugin new: %d %s", code, trouble.String())
		}
	}
	const imports = `import registry, { provider, deny, log, semver, URL as Address } from 'registryd'
log.info(new Address('https://packages.example.org').href, semver.valid('1.2.3'))
const old = new registry({ check: ({ name }: { name: string }) => (name ? undefined : deny(403)) }).chain(provider.npm)
export default old
`
	if err := os.WriteFile(filepath.Join(uses, "imports.ts"), []byte(imports), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(uses, "module.ts"), []byte(moduleText), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, project := range []string{"../../sample/modules", "../../sample/plugins", "../../sample/plugins/gitlab", uses, filepath.Join(dir, "script", "jsconfig.json")} {
		tsc := exec.CommandContext(t.Context(), filepath.Join(dir, "node_modules", ".bin", "tsc"), "-p", project)
		if out, err := tsc.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", project, err, out)
		}
	}
	// A compiler that reads nothing would accept everything.
	for _, wrong := range []string{"log.shout('no')", "export default { '/x': { params: {} } } satisfies Module", "export default { '/x': { auth: 'maybe', handler() {} } } satisfies Module"} {
		if err := os.WriteFile(filepath.Join(uses, "wrong.ts"), []byte(wrong+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "node_modules", ".bin", "tsc"), "-p", uses).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("wrong.ts")) {
			t.Errorf("nonsense was accepted: %s: %s", wrong, out)
		}
	}
}

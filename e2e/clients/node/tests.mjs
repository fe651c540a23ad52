// npm's @kubernetes/client-node against a cluster: tests.mjs MODULES NAMESPACE, with KUBECONFIG set.
// The namespace holds the pod `web` (containers nginx and echo). Prints `ok NAME` or `FAIL NAME: why` a test; status 1 when one failed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const [modules, ns] = process.argv.slice(2);
const k8s = await import(pathToFileURL(path.join(modules, '@kubernetes/client-node/dist/index.js')));
const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const core = kc.makeApiClient(k8s.CoreV1Api);
const limitMs = 60000;

/** Waits until predicate() is true; fails with `what` after a generous time. */
async function waitFor(what, predicate) {
  const end = Date.now() + limitMs;
  while (!(await predicate())) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

/** The promise's value, or a failure when it does not settle. */
function inTime(what, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), limitMs)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function refused(code, call) {
  await assert.rejects(call, (error) => {
    assert.equal(error.code ?? error.statusCode, code, String(error));
    return true;
  });
}

/** A stream that remembers what was written to it as text. */
class Sink extends Writable {
  parts = [];
  _write(part, _encoding, done) {
    this.parts.push(Buffer.from(part));
    done();
  }
  get bytes() {
    return Buffer.concat(this.parts);
  }
  get text() {
    return this.bytes.toString();
  }
}

const configMap = (name, data) => ({ metadata: { name, labels: { of: 'node' } }, data });
const get = (name) => core.readNamespacedConfigMap({ name, namespace: ns });
const patchOptions = (type) => k8s.setHeaderOptions('Content-Type', type);

/** A command in the container nginx: its output and the Status at its end. */
async function run(command, stdin, tty = false) {
  const out = new Sink(), err = new Sink();
  let settle;
  const status = new Promise((done) => (settle = done));
  await new k8s.Exec(kc).exec(ns, 'web', 'nginx', command, out, err, stdin, tty, settle);
  return { status: await inTime(`the status of ${command}`, status), out: out.text, err: err.text };
}

const tests = {
  async 'create, read, replace, delete'() {
    const made = await core.createNamespacedConfigMap({ namespace: ns, body: configMap('crud', { a: '1' }) });
    assert.ok(made.metadata.uid);
    assert.ok(made.metadata.creationTimestamp instanceof Date);
    await refused(409, core.createNamespacedConfigMap({ namespace: ns, body: configMap('crud', {}) }));
    const replaced = await core.replaceNamespacedConfigMap({ name: 'crud', namespace: ns, body: { ...made, data: { b: '2' } } });
    assert.deepEqual(replaced.data, { b: '2' });
    await refused(409, core.replaceNamespacedConfigMap({ name: 'crud', namespace: ns, body: made })); // an old resource version
    assert.deepEqual((await get('crud')).data, { b: '2' });
    assert.equal((await core.deleteNamespacedConfigMap({ name: 'crud', namespace: ns })).status, 'Success');
    await refused(404, get('crud'));
  },

  async 'every patch'() {
    await core.createNamespacedConfigMap({ namespace: ns, body: configMap('patched', { a: '1', b: '2' }) });
    const patch = (type, body, more = {}) => core.patchNamespacedConfigMap({ name: 'patched', namespace: ns, body, ...more }, patchOptions(type));
    const { JsonPatch, MergePatch, StrategicMergePatch, ServerSideApply } = k8s.PatchStrategy;
    assert.deepEqual((await patch(StrategicMergePatch, { data: { a: null, c: '3' } })).data, { b: '2', c: '3' });
    assert.deepEqual((await patch(MergePatch, { data: { c: '4' } })).data, { b: '2', c: '4' });
    assert.deepEqual((await patch(JsonPatch, [{ op: 'remove', path: '/data/b' }])).data, { c: '4' });
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'patched' }, data: { c: '5' } };
    await refused(409, patch(ServerSideApply, applied, { fieldManager: 'node' }));
    assert.deepEqual((await patch(ServerSideApply, applied, { fieldManager: 'node', force: true })).data, { c: '5' });
    const managers = (await get('patched')).metadata.managedFields.map((m) => `${m.manager} ${m.operation}`);
    assert.ok(managers.includes('node Apply'), managers.join());
  },

  async 'lists in pages, selectors, deletecollection'() {
    for (let i = 0; i < 5; i++) await core.createNamespacedConfigMap({ namespace: ns, body: configMap(`page-${i}`, {}) });
    const names = [];
    let next;
    do {
      const page = await core.listNamespacedConfigMap({ namespace: ns, limit: 2, labelSelector: 'of=node', _continue: next });
      assert.ok(page.items.length <= 2);
      names.push(...page.items.map((item) => item.metadata.name));
      next = page.metadata._continue;
    } while (next);
    assert.deepEqual(names.filter((name) => name.startsWith('page-')), [0, 1, 2, 3, 4].map((i) => `page-${i}`));
    const one = await core.listNamespacedConfigMap({ namespace: ns, fieldSelector: 'metadata.name=page-3' });
    assert.deepEqual(one.items.map((item) => item.metadata.name), ['page-3']);
    await core.deleteCollectionNamespacedConfigMap({ namespace: ns, labelSelector: 'of=node' });
    assert.equal((await core.listNamespacedConfigMap({ namespace: ns, labelSelector: 'of=node' })).items.length, 0);
  },

  async watch() {
    const begin = (await core.listNamespacedConfigMap({ namespace: ns })).metadata.resourceVersion;
    const seen = [];
    let end;
    const ended = new Promise((done) => (end = done));
    const request = await new k8s.Watch(kc).watch(`/api/v1/namespaces/${ns}/configmaps`, { resourceVersion: begin, fieldSelector: 'metadata.name=watched' },
      (type, object) => seen.push(`${type} ${object.data?.a}`), end);
    await core.createNamespacedConfigMap({ namespace: ns, body: configMap('watched', { a: '1' }) });
    await core.patchNamespacedConfigMap({ name: 'watched', namespace: ns, body: { data: { a: '2' } } }, patchOptions(k8s.PatchStrategy.MergePatch));
    await core.deleteNamespacedConfigMap({ name: 'watched', namespace: ns });
    await waitFor('three events', () => seen.length >= 3);
    request.abort();
    await inTime('the end of the watch', ended);
    assert.deepEqual(seen, ['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
  },

  async informer() {
    await core.createNamespacedConfigMap({ namespace: ns, body: configMap('before', { a: '1' }) });
    const informer = k8s.makeInformer(kc, `/api/v1/namespaces/${ns}/configmaps`, () => core.listNamespacedConfigMap({ namespace: ns, labelSelector: 'of=node' }), 'of=node');
    const seen = [];
    for (const verb of ['add', 'update', 'delete']) informer.on(verb, (object) => seen.push(`${verb} ${object.metadata.name}`));
    informer.on('error', (error) => seen.push(`error ${error}`));
    await informer.start();
    await waitFor('the object that was there', () => seen.includes('add before'));
    await core.createNamespacedConfigMap({ namespace: ns, body: configMap('after', { a: '1' }) });
    await waitFor('the new object', () => seen.includes('add after'));
    await core.patchNamespacedConfigMap({ name: 'after', namespace: ns, body: { data: { a: '2' } } }, patchOptions(k8s.PatchStrategy.MergePatch));
    await waitFor('the change', () => seen.includes('update after'));
    assert.equal(informer.get('after', ns).data.a, '2');
    await core.deleteNamespacedConfigMap({ name: 'after', namespace: ns });
    await waitFor('the deletion', () => seen.includes('delete after'));
    assert.ok(!seen.some((line) => line.startsWith('error')), seen.join());
    await informer.stop();
  },

  async exec() {
    const plain = await run(['sh', '-c', 'echo out; echo wrong >&2'], null);
    assert.deepEqual([plain.status.status, plain.out, plain.err], ['Success', 'out\n', 'wrong\n']);
    const failed = await run(['sh', '-c', 'exit 7'], null);
    assert.equal(failed.status.status, 'Failure');
    assert.equal(failed.status.details.causes[0].message, '7');
    const input = new PassThrough();
    input.write('typed\n');
    const read = await run(['sh', '-c', 'read line; echo "got $line"; tty'], input, true);
    assert.match(read.out, /got typed\r\n\/dev\/pts\//);
    await assert.rejects(new k8s.Exec(kc).exec(ns, 'absent', 'nginx', ['true'], new Sink(), null, null, false));
  },

  async attach() {
    const out = new Sink(), input = new PassThrough();
    const socket = await new k8s.Attach(kc).attach(ns, 'web', 'echo', out, null, input, false);
    input.write('hello\n');
    await waitFor('the answer of the attached process', () => out.text.includes('got-hello'));
    socket.close();
  },

  async 'port-forward'() {
    const forward = new k8s.PortForward(kc);
    const server = net.createServer((socket) => forward.portForward(ns, 'web', [80], socket, null, socket));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const page = await inTime('the page', new Promise((done, failed) => {
      const socket = net.connect(server.address().port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n'));
      let text = '';
      socket.on('data', (part) => {
        text += part;
        if (text.includes('</html>')) socket.destroy();
      });
      socket.on('close', () => done(text));
      socket.on('error', failed);
    }));
    server.close();
    assert.match(page, /^HTTP\/1\.1 200 OK[^]*nginx/);
  },

  async logs() {
    const out = new Sink();
    const following = await new k8s.Log(kc).log(ns, 'web', 'nginx', out, { follow: true, tailLines: 1 });
    await run(['sh', '-c', 'echo from-node > /proc/1/fd/1'], null);
    await waitFor('the line in the followed log', () => out.text.includes('from-node\n'));
    following.abort();
    const text = await core.readNamespacedPodLog({ name: 'web', namespace: ns, container: 'echo', limitBytes: 8 });
    assert.equal(text, 'started\n');
  },

  async cp() {
    const folder = fs.mkdtempSync(path.join(process.env.HOME, 'node-cp-'));
    try {
      const content = 'a line of the file\n'.repeat(10000);
      fs.mkdirSync(path.join(folder, 'up'));
      fs.writeFileSync(path.join(folder, 'up', 'file.txt'), content);
      await new k8s.Cp(kc).cpToPod(ns, 'web', 'nginx', path.join(folder, 'up'), '/tmp');
      await waitFor('the file in the pod', async () => Number((await run(['sh', '-c', 'wc -c < /tmp/file.txt'], null)).out) === content.length);
      // cpFromPod of 1.3.0 reads the compressed archive that it asks for as a plain one: the way back is exec's.
      assert.equal((await run(['cat', '/tmp/file.txt'], null)).out, content);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },

  async 'custom objects and objects of any kind'() {
    const any = k8s.KubernetesObjectApi.makeApiClient(kc);
    const schema = { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } } } };
    const crd = await any.create({
      apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'gadgets.node.cube.test' },
      spec: {
        group: 'node.cube.test', scope: 'Namespaced', names: { kind: 'Gadget', plural: 'gadgets' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    });
    try {
      const custom = kc.makeApiClient(k8s.CustomObjectsApi);
      const where = { group: 'node.cube.test', version: 'v1', namespace: ns, plural: 'gadgets' };
      await waitFor('the new kind', () => custom.listNamespacedCustomObject(where).then(() => true, () => false));
      const body = { apiVersion: 'node.cube.test/v1', kind: 'Gadget', metadata: { name: 'g', namespace: ns }, spec: { size: 1 } };
      await custom.createNamespacedCustomObject({ ...where, body });
      await refused(422, custom.createNamespacedCustomObject({ ...where, body: { ...body, metadata: { name: 'h' }, spec: { size: 0 } } }));
      const patched = await any.patch({ ...body, spec: { size: 2 } }, undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch);
      assert.equal(patched.spec.size, 2);
      assert.equal((await any.list('node.cube.test/v1', 'Gadget', ns)).items.length, 1);
      await any.delete(body);
      await refused(404, custom.getNamespacedCustomObject({ ...where, name: 'g' }));
    } finally {
      await any.delete(crd);
    }
  },

  async 'rights and tokens'() {
    const review = await kc.makeApiClient(k8s.AuthorizationV1Api).createSelfSubjectAccessReview({ body: { spec: { resourceAttributes: { verb: 'delete', resource: 'nodes' } } } });
    assert.equal(review.status.allowed, true);
    const token = await core.createNamespacedServiceAccountToken({ name: 'default', namespace: ns, body: { spec: { audiences: [], expirationSeconds: 600 } } });
    const robot = new k8s.KubeConfig();
    robot.loadFromClusterAndUser(kc.getCurrentCluster(), { name: 'robot', token: token.status.token });
    await refused(403, robot.makeApiClient(k8s.CoreV1Api).listNamespacedPod({ namespace: ns }));
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    failed = 1;
    console.log(`FAIL ${name}: ${error?.stack ?? JSON.stringify(error)}`);
  }
}
process.exit(failed);

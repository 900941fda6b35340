import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../testbed/waiting.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import { WallClock } from '../base/clock.ts';
import { ownFederation } from './own-and-real.fixture.ts';
import { Telemetry } from './telemetry.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const maps = '/api/v1/namespaces/default/configmaps';

test('steps of admission and what policies object to are counted', async (t) => {
  const telemetry = new Telemetry({ clock: new WallClock() });
  t.after(() => telemetry.stop());
  const openWebhook = (): never => assert.fail('there are no webhooks');
  const federation = await ownFederation({ telemetry, admission: { openWebhook } });
  t.after(() => federation.stop());
  const admin = { name: 'admin', groups: ['system:masters', 'system:authenticated'], extra: {} };
  const transport = inProcessTransport(federation.handler, admin);
  const post = async (path: string, body: object): Promise<number> => {
    const bytes = Buffer.from(JSON.stringify(body));
    const headers = { 'content-type': 'application/json' };
    const { status } = await transport.request({ method: 'POST', path, headers, body: bytes });
    return status;
  };
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
  ];
  const validations = [{ expression: "object.metadata.name != 'bad'" }];
  const policy = {
    metadata: { name: 'no-bad' },
    spec: { matchConstraints: { resourceRules }, validations },
  };
  assert.equal(await post(`${group}/validatingadmissionpolicies`, policy), 201);
  const binding = {
    metadata: { name: 'everywhere' },
    spec: { policyName: 'no-bad', validationActions: ['Deny', 'Audit'] },
  };
  assert.equal(await post(`${group}/validatingadmissionpolicybindings`, binding), 201);
  const bad = { metadata: { name: 'bad' } };
  await waitUntil({ what: 'a refusal', check: async () => (await post(maps, bad)) === 422 });
  assert.equal(await post(maps, { metadata: { name: 'good' } }), 201);
  const text = telemetry.metrics.render();
  const checks = 'apiserver_validating_admission_policy_check_total';
  for (const action of ['deny', 'audit'])
    assert.match(
      text,
      new RegExp(
        `${checks}{enforcement_action="${action}",error_type="no_error",policy="no-bad",policy_binding="everywhere"} 1`,
      ),
    );
  const steps = 'apiserver_admission_step_admission_duration_seconds_count';
  assert.match(
    text,
    new RegExp(`${steps}{operation="CREATE",rejected="true",type="validate"} 1\n`),
  );
  assert.match(text, new RegExp(`${steps}{operation="CREATE",rejected="false",type="admit"} \\d+`));
});

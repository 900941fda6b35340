/**
 * Every verb of kubectl, as people type it. `NS` is a namespace of the verb's own; nothing runs the
 * pods, so that what asks for a running one records how it is refused.
 */
export interface Scene {
  /** The file that it is kept in. */
  readonly verb: string;
  /** After `kubectl -n NS`; with input, `-f -` reads it. */
  readonly commands: readonly (string | readonly [command: string, input: string])[];
  /** Asks who may do what, which only the whole federation answers. */
  readonly access?: boolean;
}

const deployment = (image: string, labels = 'a: b'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {${labels}}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "${image}"}]}
`;
const map = (value: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: m}
data: {a: "${value}"}
`;
const pod = `
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec: {automountServiceAccountToken: false, containers: [{name: c, image: nginx}]}
`;
const web = ['create -f -', deployment('nginx:1')] as const;
const single = ['create -f -', pod] as const;

export const scenes: readonly Scene[] = [
  {
    verb: 'create',
    commands: [
      'create configmap c --from-literal=a=b',
      'create secret generic s --from-literal=user=ada',
      'create serviceaccount robot',
      'create deployment made --image=nginx --replicas=3 --port=80',
      'create cronjob hourly --image=busybox --schedule=@hourly',
      'create role reader --verb=get,list --resource=pods',
      'create rolebinding readers --role=reader --user=ada',
      'create service clusterip none --clusterip=None --tcp=80:8080',
      'create service externalname out --external-name=example.com',
      'create quota small --hard=pods=50',
      'create poddisruptionbudget web --selector=app=web --min-available=1',
      'create priorityclass NS-high --value=5',
      'create ingress web --rule=example.com/bar=web:80',
      ['create -f -', map('1')],
      ['create -f -', map('1')],
      ['create --dry-run=server -f -', map('2').replace('name: m', 'name: n')],
    ],
  },
  {
    verb: 'apply-client-side',
    commands: [
      ['apply -f -', deployment('nginx:1')],
      ['apply -f -', deployment('nginx:2', 'c: d')],
      ['apply -f -', deployment('nginx:2', 'c: d')],
      ['apply --dry-run=server -f -', deployment('nginx:3')],
      'apply view-last-applied deployment web',
      ['apply set-last-applied -f -', deployment('nginx:2')],
    ],
  },
  {
    verb: 'apply-server-side',
    commands: [
      ['apply --server-side -f -', deployment('nginx:1')],
      ['apply --server-side --field-manager=other -f -', deployment('nginx:2')],
      ['apply --server-side --field-manager=other --force-conflicts -f -', deployment('nginx:2')],
      ['apply --server-side --dry-run=server -f -', deployment('nginx:3')],
    ],
  },
  {
    verb: 'get',
    commands: [
      web,
      ...['', 'wide', 'yaml', 'json', 'name'].map((o) => `get deployment web${o && ` -o ${o}`}`),
      'get deployments',
      'get deployments -l a=b',
      'get deployments --field-selector metadata.name=web',
      'get deployments --chunk-size=1',
      'get deployments --sort-by=.metadata.name',
      'get deployment web -o jsonpath={.spec.replicas}',
      'get deployment web -o custom-columns=N:.metadata.name',
      'get deployment web -o go-template={{.metadata.name}}',
      'get deployment web --show-labels --label-columns=a',
      'get deployment web --subresource=status',
      'get deployment web --subresource=scale',
      'get deployment none',
      'get deployment none --ignore-not-found',
      'get nothings',
      'get --raw /api/v1/namespaces/NS/configmaps/none',
    ],
  },
  { verb: 'describe', commands: [web, single, 'describe deployment web', 'describe pod p'] },
  {
    verb: 'patch',
    commands: [
      web,
      'patch deployment web -p {"spec":{"replicas":3}}',
      'patch deployment web --type=merge -p {"spec":{"paused":true}}',
      'patch deployment web --type=json -p [{"op":"replace","path":"/spec/replicas","value":4}]',
      'patch deployment web --subresource=status --type=merge -p {"status":{"replicas":1}}',
      'patch deployment web --type=merge -p {"spec":{"replicas":"x"}}',
      'patch deployment none -p {"spec":{"replicas":3}}',
    ],
  },
  { verb: 'edit', commands: [web, 'edit deployment web', 'edit deployment none'] },
  {
    verb: 'label-annotate',
    commands: [
      web,
      'label deployment web x=y',
      'label deployment web x=z',
      'label deployment web x=z --overwrite',
      'label deployment web x-',
      'annotate deployment web note=long',
      'annotate deployment web note-',
    ],
  },
  {
    verb: 'scale-autoscale',
    commands: [
      web,
      'scale deployment web --replicas=5',
      'scale deployment web --current-replicas=1 --replicas=2',
      'autoscale deployment web --min=1 --max=5 --cpu=80%',
    ],
  },
  { verb: 'expose', commands: [web, 'expose deployment web --port=80 --cluster-ip=None'] },
  {
    verb: 'set',
    commands: [
      web,
      'set image deployment/web c=nginx:9',
      'set env deployment/web A=b',
      'set resources deployment/web --limits=cpu=1',
      'set serviceaccount deployment/web robot',
      'set selector --local -f /dev/null a=b',
      'create rolebinding readers --role=reader --user=ada',
      'set subject rolebinding readers --user=eve',
    ],
  },
  {
    verb: 'rollout',
    commands: [
      web,
      'rollout restart deployment web',
      'rollout pause deployment web',
      'rollout resume deployment web',
      'rollout history deployment web',
      'rollout status deployment web --timeout=1s',
      'rollout undo deployment web',
    ],
  },
  {
    verb: 'wait',
    commands: [
      web,
      'wait deployment web --for=jsonpath={.spec.replicas}=2 --timeout=1s',
      'wait deployment web --for=condition=Available --timeout=1s',
      'wait deployment none --for=delete --timeout=1s',
    ],
  },
  {
    verb: 'replace',
    commands: [
      ['create -f -', map('1')],
      ['replace -f -', map('2')],
      ['replace --force -f -', map('3')],
      ['replace -f -', map('2').replace('name: m', 'name: none')],
    ],
  },
  {
    verb: 'delete',
    commands: [
      web,
      ['create -f -', map('1')],
      'delete configmap m',
      'delete configmap m',
      'delete configmap m --ignore-not-found',
      'delete deployment web --dry-run=server',
      'delete deployment web --cascade=background --wait=false',
      'delete configmaps -l none=here',
    ],
  },
  { verb: 'diff', commands: [web, ['diff -f -', deployment('nginx:2')]] },
  {
    verb: 'explain-api',
    commands: [
      'explain deployment.spec.replicas',
      'api-resources --api-group=apps',
      'api-versions',
      'version',
      'cluster-info',
    ],
  },
  {
    verb: 'auth',
    access: true,
    commands: [
      'auth can-i get pods',
      'auth can-i --list',
      'auth whoami',
      [
        'auth reconcile -f -',
        `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`,
      ],
    ],
  },
  {
    verb: 'token',
    access: true,
    commands: ['create serviceaccount robot', 'create token robot', 'create token none'],
  },
  { verb: 'certificate', commands: ['certificate approve none', 'certificate deny none'] },
  {
    verb: 'nodes',
    commands: [
      ['create -f -', '{"apiVersion":"v1","kind":"Node","metadata":{"name":"NS-node"}}'],
      'taint node NS-node a=b:NoSchedule',
      'taint node NS-node a-',
      'cordon NS-node',
      'uncordon NS-node',
      'drain NS-node --timeout=1s',
      'drain none --timeout=1s',
    ],
  },
  {
    verb: 'pods',
    commands: [
      single,
      'run r --image=nginx --overrides={"spec":{"automountServiceAccountToken":false}}',
      'debug p --image=busybox',
      'exec p -- ls',
      'logs p',
      'attach p',
      'cp p:/x /dev/null',
      'port-forward p 0:80 --pod-running-timeout=1s',
      'top pod',
      'top node',
    ],
  },
  { verb: 'events', commands: ['events', 'events --for pod/p'] },
  { verb: 'kustomize', commands: ['kustomize /nowhere', 'config view', 'options', 'plugin list'] },
];

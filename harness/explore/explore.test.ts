import { expect } from 'chai';
import { CATALOGUE } from '../../suites/catalogue.js';
import { BACKEND_STEPS as correct } from '../reference/backend-steps.js';
import { DEFECTS } from '../reference/defects/index.js';
import { LEGAL } from '../reference/legal/index.js';
import { ROLES, type Role, type Script, testMessage, type TestRecord } from '../run/record.js';
import { type PlantedSteps, referenceDriver } from '../run/reference-driver.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { simulatedSession } from '../run/simulated-session.js';
import { combinations, EXCHANGE } from './combinations.js';
import { SEQUENCES } from './model/index.js';
import { exploreSession, type ExploreOptions, scriptIn } from './session.js';

/** The role of a defect or a legal driver. */
const roleOf = ({ id }: { readonly id: string }): Role => (id.startsWith('frontend.') ? 'frontend' : 'backend');

/** A status that the header does not define. */
const ODD_STATUS = 7;

/** Explores a driver on the simulated Xen and returns its records. */
async function explored(
  role: Role,
  planted: PlantedSteps,
  options: Partial<ExploreOptions> & { sequences?: number } = {},
) {
  const records: TestRecord[] = [];
  const { sequences = 10, ...rest } = options;
  await exploreSession(
    simulatedSession(role, CATALOGUE, {
      open: () => openSimulatedIut(role, 1, referenceDriver(planted)),
      onRecord: (record) => record.type === 'test' && records.push(record),
    }),
    { limits: { sequences, seed: 1 }, signal: new AbortController().signal, ...rest },
  );
  return records;
}

/** The records that say that something is wrong, as `id: message`. */
const wrong = (records: readonly TestRecord[]): string[] =>
  records
    .filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip')
    .map((record) => `${record.id}: ${testMessage(record)}`);

describe('explore', function () {
  this.timeout(120_000);

  for (const role of ROLES) {
    it(`finds nothing in the reference ${role}, and checks many of its requirements`, async () => {
      const records = await explored(role, {});
      expect(wrong(records)).to.deep.equal([]);
      expect(records.filter(({ verdict }) => verdict === 'pass').length).to.be.above(35);
    });

    it(`connects with every pair of values of all options of a ${role}`, async () => {
      const records = await explored(role, {}, { strength: 2 });
      expect(wrong(records)).to.deep.equal([]);
      const { rows, covered, possible } = combinations(2);
      expect(covered).to.equal(possible);
      expect(records.at(-1)?.infos[0]).to.equal(
        `${rows.length} connections have ${covered} of ${possible} combinations of 2 values`,
      );
    });
  }

  it('says nothing against drivers that are legal and different', async () => {
    for (const id of ['backend.serves-in-turns', 'backend.qemu-7', 'frontend.8-rx-buffers', 'frontend.openbsd']) {
      const driver = LEGAL.find((each) => each.id === id);
      if (!driver) throw new Error(`no legal driver is called ${id}`);
      expect(wrong(await explored(roleOf(driver), driver)), id).to.deep.equal([]);
    }
  });

  for (const [id, steps] of [
    ['backend.rings.one-response-too-many', 10],
    ['backend.multicast.no-add', 3],
    ['frontend.transmit.flags-later-fragments', 2],
  ] as const) {
    it(`finds ${id}, and shortens the sequence to ${steps} steps or fewer`, async () => {
      const defect = DEFECTS.find((each) => each.id === id);
      if (!defect) throw new Error(`no defect is called ${id}`);
      const records = await explored(roleOf(defect), defect, { sequences: 100 });
      const found = records.find((record) => record.id.endsWith(`.${defect.breaks.toLowerCase()}`));
      expect(found?.script?.steps.length, wrong(records).join('\n')).to.be.within(0, steps);
      // The file of the sequence finds the same again.
      const script = scriptIn(JSON.stringify(found?.script));
      expect(wrong(await explored(roleOf(defect), defect, script ? { script } : {}))).to.include.members(
        wrong(found ? [found] : []),
      );
    });
  }

  it('only warns of a failure that does not come each time', async () => {
    let sent = 0;
    const records = await explored('backend', {
      backend: {
        respond(vif, queue, chain, status) {
          correct.respond(vif, queue, chain, ++sent % 700 === 0 ? ODD_STATUS : status);
        },
      },
    });
    expect(records.filter(({ verdict }) => verdict === 'fail')).to.deep.equal([]);
    const [warned] = records.filter(({ verdict }) => verdict === 'warn');
    expect(warned?.infos[0]).to.match(/^it failed in \d+ of 20 runs of the same sequence$/);
  });

  it('refuses a sequence of another version', () => {
    const { rows } = combinations(2);
    const script = (change: object): Script => ({ role: 'backend', start: rows.slice(0, 2), steps: [], ...change });
    const parse = (change: object) => () => SEQUENCES.backend.parse(script(change));
    expect(parse({})).not.to.throw();
    expect(parse({ start: [{}, {}] })).to.throw('its first connections are none of this version');
    expect(parse({ steps: [{ step: 'wave', args: {} }] })).to.throw('its step "wave" with {} is none of this version');
    expect(parse({ steps: [{ step: 'burst', args: { count: -1 } }] })).to.throw('its step "burst"');
    expect(scriptIn('{"role":"backend"}')).to.equal(undefined);
    expect(scriptIn('role: backend')).to.equal(undefined);
  });

  it('has exchanges whose steps all exist', () => {
    const start = combinations(2).rows.slice(0, 2);
    for (const role of ROLES) {
      const parse = (): unknown => SEQUENCES[role].parse({ role, start, steps: EXCHANGE[role] });
      expect(parse, role).not.to.throw();
    }
  });
});

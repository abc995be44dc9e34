import { expect } from 'chai';
import { GTF, decodeGrantEntryV1, decodeGrantEntryV2, gntstName } from './grant.js';
import { expectSurvival, hex, valueOf } from './rings.fixture.js';

describe('protocol/grant', () => {
  it('has the bits of GTF', () => {
    expect(GTF).to.deep.equal({
      invalid: 0,
      permitAccess: 1,
      acceptTransfer: 2,
      transitive: 3,
      typeMask: 3,
      readonly: 4,
      reading: 8,
      writing: 16,
      pwt: 32,
      pcd: 64,
      pat: 128,
      subPage: 256,
    });
  });

  it('decodes a version 1 entry', () => {
    expect(valueOf(decodeGrantEntryV1(hex('1900 0700 78563412')))).to.deep.equal({
      flags: GTF.permitAccess | GTF.reading | GTF.writing,
      domid: 7,
      frame: 0x12345678,
    });
  });

  it('decodes the forms of a version 2 entry', () => {
    expect(valueOf(decodeGrantEntryV2(hex('0500 0700 aabbccdd 0807060504030201')))).to.deep.equal({
      form: 'full-page',
      flags: GTF.permitAccess | GTF.readonly,
      domid: 7,
      pad: 0xddccbbaa,
      frame: 0x0102030405060708n,
    });
    expect(valueOf(decodeGrantEntryV2(hex('0101 0700 4000 ea05 0807060504030281')))).to.deep.equal({
      form: 'sub-page',
      flags: GTF.permitAccess | GTF.subPage,
      domid: 7,
      pageOff: 64,
      length: 1514,
      frame: 0x8102030405060708n,
    });
    expect(valueOf(decodeGrantEntryV2(hex('0300 0700 0900 beef 04030201 ffffffff')))).to.deep.equal({
      form: 'transitive',
      flags: GTF.transitive,
      domid: 7,
      transDomid: 9,
      pad: 0xefbe,
      gref: 0x01020304,
    });
  });

  it('ignores the sub_page bit of a transitive entry', () => {
    expect(valueOf(decodeGrantEntryV2(hex('0301 0000 0000 0000 00000000 00000000'))).form).to.equal('transitive');
  });

  it('accepts any bytes', () => {
    expectSurvival(8, decodeGrantEntryV1);
    expectSurvival(16, decodeGrantEntryV2);
  });

  it('names statuses', () => {
    const names = Array.from({ length: 14 }, (_, n) => gntstName(-n).replace('GNTST_', ''));
    expect(names.join(' ')).to.equal(
      'okay general_error bad_domain bad_gntref bad_handle bad_virt_addr bad_dev_addr no_device_space ' +
        'permission_denied bad_page bad_copy_arg address_too_big eagain no_space',
    );
    expect(gntstName(-3)).to.equal('GNTST_bad_gntref');
    expect(gntstName(-14)).to.equal('GNTST -14');
    expect(gntstName(1)).to.equal('GNTST 1');
  });
});

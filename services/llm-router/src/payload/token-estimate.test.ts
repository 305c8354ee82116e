import { describe, expect, it } from '@jest/globals';
import { estimateBounds, tokensOfText } from './token-estimate.ts';

/** Texts, and what the tokenizer o200k_base counts of them. */
const counted: [string, string, number][] = [
  [
    'English',
    'The committee met on Tuesday to consider whether the bridge, closed since the flood, could carry trams again before winter. Engineers were cautious: two of the five piers had moved by several centimetres.',
    41,
  ],
  [
    'German',
    'Der Ausschuss beriet am Dienstag, ob die seit dem Hochwasser gesperrte Brücke noch vor dem Winter wieder Straßenbahnen tragen könne. Die Ingenieure blieben vorsichtig: Zwei der fünf Pfeiler hatten sich verschoben.',
    50,
  ],
  [
    'French',
    "La commission s'est réunie mardi pour examiner si le pont, fermé depuis l'inondation, pourrait de nouveau porter des tramways avant l'hiver. Les ingénieurs sont restés prudents.",
    40,
  ],
  [
    'Russian',
    'Во вторник комиссия обсудила, сможет ли мост, закрытый после наводнения, снова принимать трамваи до наступления зимы. Инженеры высказались осторожно: две из пяти опор сместились на несколько сантиметров.',
    53,
  ],
  [
    'Chinese',
    '委员会星期二开会讨论，自洪水以来关闭的大桥能否在冬季之前重新通行有轨电车。工程师们态度谨慎：五个桥墩中有两个移动了几厘米。',
    48,
  ],
  [
    'Japanese',
    '委員会は火曜日、洪水以来閉鎖されている橋が冬までに再び路面電車を通せるかどうかを検討した。技術者たちは慎重で、五本の橋脚のうち二本が数センチずれていると述べた。',
    70,
  ],
  [
    'TypeScript',
    "export function average(values: readonly number[]): number {\n  if (values.length === 0) throw new RangeError('no values');\n  let sum = 0;\n  for (const value of values) sum += value;\n  return sum / values.length;\n}\n",
    54,
  ],
  [
    'JSON',
    '{"id":"order-1182","lines":[{"sku":"A-77","count":3,"price":12.5},{"sku":"B-12","count":1,"price":199}],"shipped":false,"note":null}',
    51,
  ],
  [
    'table',
    '1,2024-03-01,0.00,item-0\n2,2024-03-02,37.13,item-791\n3,2024-03-03,74.26,item-582\n4,2024-03-04,111.39,item-373\n5,2024-03-05,148.52,item-164\n6,2024-03-06,185.65,item-955\n7,2024-03-07,222.78,item-746\n8,2024-03-08,259.91,item-537\n9,2024-03-09,297.04,item-328\n10,2024-03-10,334.17,item-119\n11,2024-03-11,371.30,item-910\n12,2024-03-12,408.43,item-701',
    191,
  ],
];

describe('the estimate of a text’s tokens', () => {
  it.each(counted)('holds its bounds for %s', (_, text, tokens) => {
    const estimate = tokensOfText(text);
    expect(estimate * estimateBounds.lowest).toBeLessThanOrEqual(tokens);
    expect(estimate * estimateBounds.highest).toBeGreaterThanOrEqual(tokens);
  });

  it('is nothing for nothing, and takes runs of blanks for what they are', () => {
    expect(tokensOfText('')).toBe(0);
    expect(tokensOfText(' '.repeat(10_000))).toBeLessThan(10);
  });
});

/**
 * Words that tell of a task in the languages people mostly write in, as stems: `translat` stands for all that begin with it.
 * A stem that ends with `$` is a whole word, and `_` is a blank. Signs of scripts without blanks are looked for anywhere. The classifier learns
 * what each group is worth, so a group may be wrong at times.
 */
const stems: Readonly<Record<string, string>> = {
  // Code
  language:
    'python javascript typescript java$ kotlin$ rust$ golang go$ c++ c#$ php$ ruby$ swift$ scala$ haskell perl$ lua$ sql$ mysql postgres sqlite html css$ bash$ powershell shell$ assembly solidity fortran julia$ matlab cuda linq regex питон पाइथन पाइथॉन 파이썬 بايثون パイソン',
  tooling:
    'react vue$ angular svelte node.js node$ express django flask spring$ rails laravel jest pytest pandas numpy docker kubernetes kubectl terraform ansible git$ github gitlab nginx apache$ redis kafka mongodb webpack vite$ npm$ pip$ maven gradle makefile yaml$ linux$ vflexbox jackson leetcode graphql grpc rest api$ api- aws$ s3$ jvm$ jwt$ cors$ cron$ ssh$ junit jpa$ hibernate xcode android$ compose$ websocket middleware',
  programming:
    'function funktion fonction función funzione função functie funkcj funktsi fonksiyon funktionen функци फंक्शन दال دالة 関数 函数 함수 code$ código codice codes$ coding kod kodda kodu$ कोड код$ кода$ коде$ الكود コード 代码 程序 코드 프로그래 script skript script snippet algorithm class$ klasse classe clase method methode array tablic tableau liste$ loop$ for-loop boucle bucle schleife pointer null$ nullpointer undefined string$ строк variable compil debug bug$ bugs$ fehler stack$ stacktrace heap$ thread mutex lock-free goroutine async await callback promise$ closure lambda$ recursiv iterat refactor deadlock memory$ leak utečk wyciek race$ commit rebase merge$ branch query$ queries query abfrage requête consulta zapyt запрос 查询 クエリ join$ index$ table$ schema migration endpoint server backend frontend component komponente composant componente module$ modul library libreria framework database datenbank base_de_données base_de_datos banco_de_dados базы_данных 数据库 データベース deploy container pipeline ci$ unit$ tests$ mock$ type$ interface$ struct enum macro kernel$ cache$ parser parse$ regexp exception traceback error: typeerror indexerror segmentation hashmap bitmask b+ lru$ css$ grid$ button$ div$ json.parse csv-datei config docstring',
  repair:
    "fix$ debug bug throws$ crash fails$ broken doesn't_work not_working error$ fehler$ erreur error$ errore erro$ fout$ błąd hata$ ошибк 修复 错误 バグ エラー 버그 오류 خطأ",
  // Mathematics
  arithmetic:
    'calculat comput$ compute berechn calcul calcol oblicz bereken hesapla вычисл посчита сколько$ wie_viel combien$ cuánto$ quanto_fa quanto_é quanto$ hoeveel$ ile_to$ kaçtır 计算 等于 计多少 求 計算 いくつ 얼마 كم_يساوي कितना',
  equation:
    'equation gleichung équation ecuación equazione equação vergelijking równani denklem уравнени 方程 方程式 방정식 معادلة المعادلة समीकरण solve_for solve$ factor$ simplify expand$ root$ square$ wurzel racine raíz radice raiz корень корн 平方 根 제곱 quadratic polynom',
  geometry:
    'area$ perimeter circle triangle rectangle radius volume$ hypotenuse angle$ fläche flächeninhalt dreieck kreis rechteck cercle aire$ área rayon radio$ círculo triángulo cerchio rettangolo raggio cirkel oppervlakte pole$ koła площад радиус круг треугольн 面积 周长 三角形 圆 半径 面積 円 넓이 삼각형 inradius slope$',
  analysis:
    'integral intégrale całk интеграл 积分 積分 적분 derivativ dérivée ableitung derivada derivata pochodn производн 导数 微分 미분 limit$ limes límite limite$ предел 极限 極限 matrix matri eigen determinant series$ sequence converg differential lagrange fourier theorem prove$ beweis démontr demuestra dimostra prove_que bewijs udowodnij udowodni докаж 证明 証明 증명 induction induktion récurrence inducción primes$ prime$ primzahl premier priem prosty простое 素数 소수 irrational irrazionale',
  quantity:
    'percent prozent pour_cent porcentaje procent yüzde процент 百分 パーセント 퍼센트 प्रतिशत بالمئة probab wahrscheinlich probabil вероятн 概率 確率 확률 average$ mean$ median average durchschnitt moyenne media de média promedio средн 平均 평균 standard_deviation variance interest$ zinsen intérêt interés speed$ km/h km$ cm$ kg$ dollars euro$ discount fraction bruch divisor multiple remainder decimal binary convert$ sum$ summe$ somme$ suma soma$ product_of log$ power$ tip$ per_month per_year combinations permutations how_many_ways',
  // Reasoning
  puzzle:
    'riddle rätsel énigme acertijo enigma raadsel zagadk загадк 谜 なぞ 수수께끼 لغز puzzle logik logic lógic logique logico логик логич 逻辑 論理 논리 knave knight liar lies$ lying lügt lügen ment$ miente mente$ liegt$ kłam yalan лжец лгут 说谎 假话 嘘 거짓말 truth wahrheit vérité verdad verità verdade waarheid prawd правду 真话 진실 wolf goat ziege chèvre cabra capra geit koz коз 狼 山羊 weigh$ balance$ switch prisoner guard deduc deduk clue suspect detective murder witness who_is_lying who_owns bulb door$ doors$',
  syllogism:
    'if_all wenn_alle si_tous si_todos se_tutti se_todos als_alle jeśli_wszystk eğer_bütün если_все अगर_सभी 如果所有 もし taller older shorter$ bigger_than größer älter kleiner plus_grand plus_petit más_alto mayor_que menor$ più_alto mais_alto groter ouder wyższy starszy uzun выше старше 比 より高く 高い 보다 brothers sisters siblings geschwister hermanos frères what_day which_day welcher_wochentag quel_jour qué_día che_giorno que_dia welke_dag jaki_dzień какой_день 几天后 星期几 何曜日 무슨_요일 sequence north$ east$ contradict premise conclusion follows',
  weighing:
    'pros$ cons$ pro_und_contra pour_et_le_contre pros_y_contras vor-_und_nachteil vorteile advantages ventajas vantagens vantaggi voor-_en_nadelen за_и_против 利弊 メリット 장단점 trade-off tradeoff weigh wäge abwäg pèse sopesa valuta pondera weeg_af rozważ взвес 权衡 argue argument razonamiento raisonnement begründ justif fundament onderbouw uzasadn обоснуй reasoning reason$ reason_through raisonne razona ragiona raciocín redenering rozumowan рассужд 推理 推论 論証 step_by_step schritt_für_schritt étape_par_étape paso_a_paso passo_a_passo passo_dopo_passo stap_voor_stap krok_po_kroku adım_adım шаг_за_шагом 一步步 단계별 hypothes assumption annahmen falac flaw$ consider_all recommend_a$ recommendation empfehlung should_we decide$ decision rational strategy strategies root_cause evaluate_whether assess$ compare$ rank$ implications evidence causal think_carefully think_through figure_out work_out deduce 分析',
  // Translation
  translate:
    'translat übersetz überträg übertrage traduc traduz tradui traduire tradur vertaal vertal przetłumacz tłumacz översätt çevir переве перевод 翻译 翻訳 訳し 译 번역 ترجم अनुवाद locali subtitle render$ the_following_in',
  how_to_say:
    'how_do_you_say how_do_i_say how_to_say how_would how_is word_for wie_sagt_man wie_heißt comment_dit-on comment_dire cómo_se_dice come_si_dice como_se_diz hoe_zeg_je jak_powiedzieć hur säger nasıl_denir как_будет как_сказать 怎么说 何と言 어떻게_말해 كيف_أقول क्या_कहते was_heißt qué_significa que_signifie cosa_significa wort für mot pour palabra woord słowo',
  'name of a language':
    'english german french spanish italian portuguese dutch polish swedish russian chinese japanese korean arabic turkish hindi greek$ finnish danish icelandic norwegian czech latin$ englisch deutsch französisch spanisch italienisch polnisch russisch japanisch chinesisch anglais allemand espagnol italien$ français japonais chinois portugais inglés alemán francés italiano portugués inglese tedesco spagnolo francese giapponese inglês alemão espanhol japonês português engels duits frans$ spaans nederlands angielsk niemieck polski$ engelska tyska finska svenska ingilizce almanca fransızca türkçe английск немецк французск русский$ испанск 英文 英语 法语 德语 中文 日语 英語 スペイン語 日本語 フランス語 ドイツ語 영어 독일어 한국어 일본어 الإنجليزية الألمانية अंग्रेज़ी जर्मन',
  // Summaries
  summarise:
    'summar summary zusammenfass zusammen fass fasse kürze résum resum resumen resumo synthèse síntesis sintesi riassum samenvat vat_de streść streszcz podsumuj sammanfatta özet кратк перескаж подыто содержание_статьи 总结 概括 摘要 概要 要約 まとめ 요약 정리 لخص ملخص सारांश tl;dr tldr abstract$ condense recap shorten shorter boil_down gist overview überblick brief_overview digest nutshell in_short en_bref in_kürze pocas_palabras accorcia acorta raccourcis concise reduce half$ kurz',
  key_points:
    "key_points main_points main_idea key_takeaways takeaways highlights essentials wichtigsten_punkte hauptpunkte stichpunkte points_clés points_principaux ideas_principales puntos_clave punti_principali pontos_principais belangrijkste_punten najważniejsze_punkty ana_fikri главные_мысли главное 要点 重点 ポイント 핵심 النقاط मुख्य_बिंदु what_is_it_about what's_it_about worum_geht_es de_quoi_parle de_qué_trata bullet_points bullets executive_summary minutes$ plot_of intrigue handlung_von trama",
  // Extraction
  extract:
    'extract extrah extrai extrae extraia estrai wyodręb wypisz haal_alle haal_uit plocka_ut çıkar извлек выпиши 提取 抽取 抽出 추출 استخرج निकालो pull_out relève identify list_all find_all get_the$ copy_all parse_this fill_in fill_it name_all saca liste_alle lies_aus finde_alle zieh_die',
  format:
    'json csv yaml xml$ jsonl table$ tabelle tableau tabla tabella schema fields felder champs campos campi velden pola поля 字段 フィールド alanlar array as_a_list als_liste form$',
  fields:
    'names_and_dates all_names email address e-mail phone_number telefonnummer dates$ datum namen nomi nombres noms nomes nazwisk имена имя 人名 日期 日付 名前 姓名 이름 날짜 الأسماء नाम entities keywords amounts betrag montant importe importo valor$ kwot сумма 金额 金額 금액 order_number price currency urls hashtags companies firmen entreprises empresas aziende',
  classify:
    'classif klassifi clasifica classifica classifie classe cet klasyfik sklasyfikuj ordne sentiment тональност 情感 正面 負面 负面 肯定的 否定的 分類 分类 감성 분류 positive negative positiv negativ positif négatif positiva negativa categor kategorie spam$ label$ tag$ tags$ detect review bewertung',
  // Creative
  form: 'poem poetry gedicht poème poesia poema poesía wiersz dikt$ şiir стих 诗 詩 俳句 시를 قصيدة कविता haiku sonnet sonett limerick ode$ lyrics song$ lied$ chanson canción canzone canção piosenk песн 歌 노래 rap$ story stories geschichte histoire cuento conte$ storia história favola fábula bajk sprookje saga$ märchen masal сказк рассказ 故事 童话 物語 童話 동화 이야기 قصة कहानी novel roman$ romanzo novela roman_policier 小说 小説 소설 chapter kapitel chapitre capítulo play$ dialogue monolog essay blog_post slogan spruch werbe eslogan hasło publicit 广告 キャッチコピー 광고 speech toast$ rede$ eulogy letter$ love_letter greeting card birthday geburtstag anniversaire cumpleaños compleanno aniversário urodzin день рождения день_рожд caption tweet$ cover_letter press_release product_description plot_twist fairy_tale villain haïku lullaby myth tagline jingle',
  invent:
    'invent erfinde denk_dir imagine$ inventa imagina cria crea un verzin bedenk wymyśl opowiedz придумай сочини 想 编 考えて 作って 書いて 지어 써_줘 come_up make_up brainstorm compose compos dichte verfasse rédige redacta dream_up worldbuild ten_names names_for noms_pour namen_für tell_me_a_story erzähl raconte cuéntame raccontami conta-me vertel anlat расскажи сказку 讲 احك सुनाओ in_the_style_of im_stil à_la_manière al_estilo poetic vivid funny$ continue_the_story opening_line title_for titles_for rewrite',
  // Conversation
  greeting:
    'hi$ hello hey$ good_morning good_night good_evening hallo$ guten_morgen guten_tag bonjour salut$ bonsoir hola$ buenos_días ciao$ buongiorno olá bom_dia goedemorgen cześć dzień_dobry hej$ merhaba привет здравствуй 你好 こんにちは おはよう 안녕 مرحبا नमस्ते how_are_you wie_geht comment_vas comment_ça qué_tal come_stai tudo_bem hoe_gaat jak_się hur_mår nasılsın как_дела 最近怎么样 元気 كيف_حالك आप_कैसे',
  thanks:
    'thank thanks danke$ merci gracias grazie obrigad bedankt dziękuję$ tack$ teşekkür спасибо 谢谢 ありがとう 감사 고마 شكرا धन्यवाद ok$ okay yes$ sure never_mind great$ cool$ bye$',
  fact: 'what_is_the_capital capital_of hauptstadt capitale capital de hoofdstad stolic huvudstad başkent столиц 首都 수도 عاصمة राजधानी who_invented who_wrote who_is who_won wer_hat qui a$ quién chi_ha quem_descobriu kto_napisał when_did wann_ist quand why is warum$ pourquoi por_qué perché почему 为什么 なぜ 왜 لماذا क्यों how_tall how_long how_many_legs how_does how_do_airplanes what_happened where_can what_time difference_between explain_how explain_the_causes erkläre_wie explique describe history_of what_are_the_symptoms what_is$',
  advice:
    'recommend$ can_you_recommend empfiehl recomiéndame conseil advice tips$ ideas_for should_i how_can_i what_should_i what_can_i i_feel i_want_to_learn best_way cook kochen cuisiner cocinar cenar cucinare cozinhar koken ugotować pişir приготов 吃什么 食べ 먹을 visit$ visiter visitar visitare travel weekend week-end besichtig sehenswürdig wochenende trip$ sleep$ dog$ cat$ headache kopfschmerz wine$ weather$ wetter$ film$ movie película book_about gift$ wear$ favourite feel$ order$ passport visa$',
};

const noBlanks = /[\u2e80-\uffef]/;

const patterns: readonly (readonly [string, RegExp])[] = Object.entries(stems).map(([name, text]) => [
  name,
  patternOf(text.split(' ').map((stem) => stem.replaceAll('_', ' '))),
]);

/** The names of the groups that have a word in the text, which is in lower case. */
export function cuesIn(text: string): string[] {
  return patterns.filter(([, pattern]) => pattern.test(text)).map(([name]) => name);
}

function patternOf(words: readonly string[]): RegExp {
  const escaped = words.map((word) => {
    const whole = word.endsWith('$');
    const plain = (whole ? word.slice(0, -1) : word).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    if (noBlanks.test(word)) return plain;
    return `(?<![\\p{L}\\p{N}])${plain}${whole ? '(?![\\p{L}\\p{N}])' : ''}`;
  });
  return new RegExp(escaped.join('|'), 'u');
}

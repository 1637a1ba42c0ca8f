"""The words of NENA's registries (NENA-STA-021.1, section 3) that the members of an EIDO may hold."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


AGENCY_ROLES = _words("Assisting CallReceiving Dispatched Dispatching Informational TransferredTo")
"""What an agency has to do with an incident."""

INCIDENT_TYPES = _words("""
    NONEMERG 911H 911OPN ABDOM ABDUCTF ABDUCTNF ABUSE ACCIND ACTSHOOT ADMIN AIR AIRINC ALIEN ALLERGIC ALMA ALMB ALMH
    ALMR ALRBA ALRBOX ALRBS ALRCO ALRCO2 ALRDEFIB ALRF ALRGAS ALRHEAT ALRKPAD ALRMED ALRNGAS ALRPANA ALRPANS ALRPROPN
    ALRPULL ALRROBA ALRROBS ALRU ALRVEH ALRWTR ALS ANIMAL ASSAULT ASSIST ATL BACK BARICADE BIO BITE BLDCLPSE BLEEDING
    BLS BOMB BRGCLPSE BURGLARY BURN CARDIAC CARJACK CDX CHEMICAL CHESPAIN CHOKE CITASST CIVDIS CIVIL CNTRFT COURT
    CRIMPS CRIMTRAF CRWD CU1 CU2 CU3 CURFEW CUST DEATH DEATHNTF DIABETIC DISORD DISVEH DMPX DROWN DRUGPAR DRUGS DUI
    DVA DVNA EDP ELEC ELECHZD ELUDING ENTRAP ESCAPE EXPLOS EXPOSURE EXTORT EYE FAIRC FALL FAM FAPT FARSON FAS FASX
    FBRUSH FELEC FFUEL FIGHT FIREWRKS FMARINE FORCENTR FOTHER FRAUD FREPORT FSMOKE FSTRU FTRAILER FTRAIN FTRASH FTRUCK
    FUNK FVEH GASLEAK GASLEAKI GASLEAKO HARR HATE HAZ HAZMAT HEADACHE HEMRG HLP1 HLP2 HOLD HOMICIDE HOSTAGE IMP
    INDECENT INFO INTERNET INTOX INVEST JUV LARCENY LIQUOR MAJORINC MAYDAY MCI MISBOATR MISCON MNTL MTLV MVA MVAHR
    MVAINJY MVAUNK MVCP NCIC NCRASLTWF NCRCPRF NCRELEV NCRFACTR NCRMUAIDF NCRNDE NCRNONE NCRTASKFORCE NCRTESTF
    NCRTRANS NEGLECT NOISE OD ODOR OPEN ORDERV PANDEMIC PARKING PERFND PERMISS PERSUSP PERUNCON PERWANT PHANDLE PREG
    PROPFND PROPLOST PROPSTLN PROW PUBWKS PURSUIT RADIAT RECKDRV REPO RESCUE RESIST RESP RESPARR ROBBERY RUNAWAY SAR
    SCH SCRM SEIZURE SEXOFFNS SHOOT SHOPLIFT SICK SLMP SMOKING SOL STABBING STDBY STKX STROKE SUBJSTP SUICIDE SUICTHRT
    SUSP TERROR THAZ THREATS TOW TRAIN TRAINDRL TRANSFER TRAUMA TRAUMAP TRESPASS TROUBLE TRUANT TSTOP VAG VANDAL
    VEHABND VEHASST VEHLOCK VEHREC VEHSTLN VEHSUSP VICE WARRANT WATER WEAPON WELFARE WILDLIFE WIRES XTRICATE
""")
"""Incident types, for the most part of APCO 2.103.2."""

INCIDENT_STATUSES = _words("""
    Active Cancelled Closed FireUnderControl NewLocation ReOpened ResourcesAssigned ResourcesEnroute ResourcesOnscene
    StructureCleared
""")
"""How far an incident is."""

REPORT_NUMBER_TYPES = _words("New Ongoing Reopened")

DISPOSITIONS = _words("""
    01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38
    39 40 41 42 43 44 45
""")
"""Disposition codes of APCO 1.111.2."""

PERSON_ROLES = _words("""
    InvolvedPerson Caller Patient PatientAcquaintance PatientRelative PersonOfInterest ReportingParty Suspect Victim
    VictimAcquaintance VictimRelative Witness
""")

VEHICLE_RELATIONS = _words("""
    AccidentVehicle InvolvedVehicle SuspectVehicle VictimVehicle WitnessVehicle ResponseVehicle
""")

LOCATION_TYPES = _words("""
    RoutingLocation Caller CurrentIncident InitialIncident Investigation Other Staging TowerLocation UnitLocation
""")
"""What a location is the location of."""

UNIT_STATUSES = _words("Available ConditionallyAvailable NotAvailable")
"""Whether a unit can be sent."""

UNIT_ACTIVITIES = _words("""
    AcknowledgedTransmission AlternateLocation Arrived Assigned AssignmentCancelled BacktoAssignedArea Backup Break
    CheckedIn Cleared COP_or_POP Court CoveringAlternateArea Delayed Departed Dispatched EnRoute EquipmentIssues Event
    Hospital InService Investigation Location Meal Meeting OffDuty OnDuty OnScene OutofService PatientContact Post
    ResponderInitiatedEvent RollCall Roster ShiftPending Staging Station TrafficStop Training Transporting Unmanned
""")
"""What a unit is doing."""

RESOURCE_TYPES = _words("""
    AirAmbulanceFixedWing AirAmbulanceRotaryWing AirSearchTeam AirborneCommunicationRelayTeamFixed FixedWingAircraft
    RotaryWingAircraft AirborneTransportTeamFixedWing AirCompressor AirConditioner-Heater ATV GroundALSAmbulance
    LargeAnimalRescueTeam LargeAnimalShelteringTeam LargeAnimalTransportTeam SmallAnimalRescueTeam
    SmallAnimalShelteringTeam SmallAnimalTransportTeam AssaultHomicideUnit GroundBLSAmbulance BikeTeam BombSquad
    BrushFireEngineType3 BrushFireEngineType4 BrushFireEngineType5 BrushFireEngineType6 BrushFireEngineType7 Bus
    CanineSearchandRescue DisasterCollapsedStructureCanineTech CaveSearchandRescue CivilServiceOfficer CoastGuard
    CollapseSearchandRescue CommandLevel4 CommandLevel3 CommandLevel2 CommandLevel1 CommSupportTeam
    CommunityPolicingUnit Crane CrisisInterventionUnit ResponderCrewTransport DetoxTransport UnmannedAerialVehicle
    ElectronicBoard FireBoat FireTruckLadder FireFoamTender FoamTank ForensicEvidence FuelTender GangEnforcement
    HazMatTeam FireHelicopter HeavyRescue IncidentManagementTeam Investigator LawEnforcementCommandUnit PatrolUnit
    SchoolOfficer LightRescue MaintenanceandRepairTeam ParkingEnforcement MobileCommunicationCenter
    MobileSupportVehicle CrowdControlTeam MountedPatrol MountainSearchandRescueTeam MedicalTransportVehicle ParkRanger
    DiveTeam RapidResponseSpecialist RoadSweeper SafetyOfficer SnowBlower SnowCat StructureFireEngineType1
    StructureFireEngineType2 SWAT SwiftwaterRescueTeam VehicularCrimesTeam Veterinarian WaterRescueTeam TrafficUnit
    TransitOfficer DumpTruck TowTruck PlowTruck TugBoat VictimAdvocate DeWateringWaterPump WasteWaterPump
    FireWaterTender WaterTruck WheelDozer WheelLoaderBackhoe WheelLoader WheelLoaderSkidSteer WoodChipper
    WildlandTaskForce StrikeTeam HotShotTeam
""")
"""Kinds of units."""

_INTERPRETERS = _words("""
    Abkhazian Achinese Acoli Adangme AdygheAdygei Afar Afrihili Afrikaans Afro-AsiaticLanguages Ainu Akan Akkadian
    Albanian Aleut AlgonquianLanguages AltaicLanguages Amharic Angika Apachelanguages Arabic Aragonese Aramaic Arapaho
    Arawak Armenian AromanianArumanianMacedo-Romanian Assamese AsturianBableLeoneseAsturleonese AthapascanLanguages
    AustronesianLanguages Avaric Avestan Awadhi Aymara Azerbaijani Balinese BalticLanguages Baluchi Bambara
    BamilekeLanguages BandaLanguages BantuLanguages Basa Bashkir Basque BatakLanguages BejaBedawiyet Belarusian Bemba
    Bengali BerberLanguages Bhojpuri BihariLanguages Bikol BiniEdo Bislama BlinBilin BlissymbolsBlissymbolicsBliss
    Bosnian Braj Breton Buginese Bulgarian Buriat Burmese Caddo CatalanValencian CaucasianLanguages Cebuano
    CelticLanguages CentralAmericanIndianLanguages CentralKhmer Chagatai ChamicLanguages Chamorro Chechen Cherokee
    Cheyenne Chibcha ChichewaChewaNyanja Chinese ChinookJargon ChipewyanDeneSuline Choctaw Chuukese Chuvash
    ClassicalNewariOldNewariClassicalNepalBhasa ClassicalSyriac Coptic Cornish Corsican Cree Creek
    CreolesPidginsEnglishBased CreolesPidginsFrenchBased CreolesPidgins CreolesPidginsPortugueseBased
    CrimeanTatarCrimeanTurkish Croatian CushiticLanguages Czech Dakota Danish Dargwa Delaware Dinka
    DivehiDhivehiMaldivian Dogrib Dogri DravidianLanguages Duala DutchFlemish Dyula Dzongkha EasternFrisian Efik
    Ekajuk Elamite English Erzya Esperanto Estonian Ewe Ewondo Fang Fanti Faroese Fijian FilipinoPilipino Finnish
    FinnoUgrianLanguages Fon French Friulian Fulah GaelicScottishGaelic Ga GalibiCarib Galician Ganda Gayo Gbaya Geez
    Georgian German Gilbertese Gondi Gorontalo Gothic Grebo GreekModern Guarani Gujarati Gwichin Haida
    HaitianHaitianCreole Hausa Hawaiian Hebrew Herero Hiligaynon HimachaliWesternPahariLanguages Hindi HiriMotu
    Hittite HmongMong Hungarian Hupa Iban Icelandic Ido Igbo Ijolanguages Iloko InariSami IndicLanguages
    Indo-EuropeanLanguages Indonesian Ingush InterlingueOccidental Inuktitut Inupiaq IranianLanguages Irish
    IroquoianLanguages Italian Japanese Javanese Judeo-Arabic Judeo-Persian Kabardian Kabyle KachinJingpho
    KalaallisutGreenlandic KalmykOirat Kamba Kannada Kanuri Karachay-Balkar Kara-Kalpak Karelian KarenLanguages
    Kashmiri Kashubian Kawi Kazakh Khasi KhoisanLanguages KhotaneseSakan KikuyuGikuyu Kimbundu Kinyarwanda
    KirghizKyrgyz KlingontlhIngan-Hol Komi Kongo Konkani Korean Kosraean Kpelle KruLanguages KuanyamaKwanyama Kumyk
    Kurdish Kurukh Kutenai Ladino Lahnda Lamba LandDayakLanguages Lao Latin Latvian Lezghian
    LimburganLimburgerLimburgish Lingala Lithuanian Lojban LowerSorbian Lozi Luba-Katanga Luba-Lulua Luiseno LuleSami
    Lunda Luo-KenyaTanzania- Lushai LuxembourgishLetzeburgesch Macedonian Madurese Magahi Maithili Makasar Malagasy
    Malayalam Malay Maltese Manchu Mandar Mandingo Manipuri ManoboLanguages Manx Maori MapudungunMapuche Marathi Mari
    Marshallese Marwari Masai MayanLanguages Mende MikmaqMicmac Minangkabau Mirandese Mohawk Moksha Mongo Mongolian
    Mon-KhmerLanguages Mossi MundaLanguages NahuatlLanguages Nauru NavajoNavaho NdebeleNorthNdebele
    NdebeleSouthNdebele Ndonga Neapolitan NepalBhasaNewari Nepali Nias Niger-KordofanianLanguages
    Nilo-SaharanLanguages Niuean NKo Nogai NorseOld NorthernFrisian NorthernSami NorwegianBokmal Norwegian
    NubianLanguages Nyamwezi Nyankole Nyoro Nzima Occitan Ojibwa Oriya Oromo Osage OssetianOssetic OtomianLanguages
    Pahlavi Palauan Pali PampangaKapampangan Pangasinan PanjabiPunjabi Papiamento PapuanLanguages
    PediSepediNorthernSotho Persian PhilippineLanguages Phoenician Pohnpeian Polish Portuguese PrakritLanguages
    PushtoPashto Quechua Rajasthani Rapanui RarotonganCookIslandsMaori RomanianMoldavianMoldovan Romansh Romany Rundi
    Russian SalishanLanguages SamaritanAramaic SamiLanguages Samoan Sandawe Sango Sanskrit Santali Sardinian Sasak
    Scots Selkup SemiticLanguages Serbian Serer Shan Shona SichuanYiNuosu Sicilian Sidamo SignLanguages Siksika Sindhi
    SinhalaSinhalese Sino-TibetanLanguages SiouanLanguages SkoltSami Slave(Athapascan) SlavicLanguages
    SlavicSlavonicOldBulgarian Slovak Slovenian Sogdian Somali SonghaiLanguages Soninke SorbianLanguages SothoSouthern
    SouthAmericanIndianLanguages SouthernAltai SouthernSami SpanishCastilian SrananTongo StandardMoroccanTamazight
    Sukuma Sumerian Sundanese Susu Swahili Swati Swedish SwissGermanAlemannicAlsatian Syriac Tagalog Tahitian
    TaiLanguages Tajik Tamashek Tamil Tatar Telugu Tereno Tetum Thai Tibetan Tigre Tigrinya Timne Tiv Tlingit Tokelau
    TokPisin TongaNyasa Tonga-TongaIslands- Tsimshian Tsonga Tswana Tumbuka TupiLanguages Turkish Turkmen Tuvalu
    Tuvinian Twi Udmurt Ugaritic UighurUyghur Ukrainian Umbundu UpperSorbian Urdu Uzbek Vai Venda Vietnamese Volapuk
    Votic WakashanLanguages Walloon Waray Washo Welsh WesternFrisian WolaittaWolaytta Wolof Xhosa Yakut Yao Yapese
    Yiddish Yoruba YupikLanguages ZandeLanguages Zapotec ZazaDimiliDimlKirdkiKirmanjki Zenaga ZhuangChuang Zulu Zuni
""")

RESOURCE_ATTRIBUTES = frozenset(f"{language}Interpreter" for language in _INTERPRETERS) | _words("""
    AdvancedEMT AdvancedPRN ReconAircraft SearchandRescueAircraft PursuitAircraft AerialPhotographyAircraft
    TransportAircraft AirBags AirMedicalTransportParamedic AirMedicalTransportPhysician AirMedicalTransportPilot
    AirMedicalTransportNurse AirportFirefighter AmbulanceStrikeTeamLeader AnimalCaseManager AnimalControlSpecialist
    AnimalDiseaseEpidemiologist AnimalHandlingSpecialist AnimalTechnician Bicycle CarbonMonoxideDetector
    CivilFieldEngineer CrisisInterventionSpecialist ConfinedSpaceRescueEquipBasic ConfinedSpaceRescueEquipAdvanced
    ConcreteCutter DiveTeam DrugRecognitionExpert DrugK9 ElectronicArrowBoard ElectronicVariableMessageBoard
    EmergencyVehicleOperator EmergencyVehicleOperatorHeavy EMSPhysician EMT ExplosiveK9 ExtricationEquipmentBasic
    ExtricationEquipmentAdvanced FireApparatusDriver_Operator FireInspector Firefighter FLIR Floodlights JawsOfLife
    Generators HazMatOfficer HelicopterSearchandRescuePilot HelicopterSearchandRescueTech HighAngleRescueEquipment
    HostageNegotiator IceRescueEquipment LoJack CrowdControlSpecialist MountainSearchandRescueTech
    NarcoticsIdentificationKitOperator Paramedic PortablePumpFloating PortablePumpSubmersible PublicInformationOfficer
    Telecommunicator RadiologicTech RadiationDetector RegisteredNurse RescueRope SCBA Shotgun
    StructuralCollapaseRescueTech StructuralEngineer SWAT SwiftwaterRescueEquipment SwiftwaterRescueTech TaserTrained
    ThermalCamera VacuumWater WaterCanineSearchTech WildLandFireTools
""")
"""What a unit is able to do."""

CALL_DIRECTIONS = _words("incoming outgoing internal")
DEGREES = _words("highest high normal low lowest")
"""Of a call's priority and a caution's severity."""
LINK_DIRECTIONS = _words("PARENT CHILD RELATED UNLINK")
MERGE_DIRECTIONS = _words("REPLACING REPLACED SPLIT")
VERSIONS = _words("1.0")
VOCABULARIES = _words("./JSON-LD_Contexts/EmergencyIncidentDataObjectType.jsonld")

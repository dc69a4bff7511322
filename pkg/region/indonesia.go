package region

func checkIndonesiaPay(p Pay) error {
	if err := present(p.Remark, "Indonesia requires the bank's code"); err != nil {
		return inField(fieldRemark, err)
	}
	return inField(fieldRemark, BankCode(p.Remark))
}
